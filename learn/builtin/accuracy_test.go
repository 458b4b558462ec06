package builtin

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/peer"
	"dovetail/internal/peer/mailbag"
	"dovetail/learn"
)

// tally is how often a classifier was wrong.
type tally struct{ falseSpam, falseHam, unsureHam, unsureSpam int }

func (c *tally) add(is, verdict learn.Class) {
	switch {
	case is == learn.Ham && verdict == learn.Spam:
		c.falseSpam++
	case is == learn.Spam && verdict == learn.Ham:
		c.falseHam++
	case is == learn.Ham && verdict != learn.Ham:
		c.unsureHam++
	case is == learn.Spam && verdict != learn.Spam:
		c.unsureSpam++
	}
}

// wrong counts the messages that end in the wrong folder: what is unsure is left
// in INBOX.
func (c tally) wrong() int { return c.falseSpam + c.falseHam + c.unsureSpam }

// size is the number of lessons of each class, and of messages judged after them.
const size = 500

// After 500 + 500 lessons not more of 500 + 500 further messages end in the wrong folder
// than with bogofilter, each with its own limits, and not more of ham as spam or of spam as ham. None of
// these seeds is among those that the numbers of the method were chosen on.
func TestNotWorseThanBogofilter(t *testing.T) {
	peer.Need(t, peer.Bogofilter)
	var ours, theirs tally
	seeds := []uint64{21, 22, 23, 24, 25, 26}
	for _, seed := range seeds {
		b := mailbag.New(seed)
		judge(t, b, &ours)
		bogofilter(t, b, &theirs)
	}
	t.Logf("builtin %+v, bogofilter %+v", ours, theirs)
	if ours.wrong() > theirs.wrong() || ours.wrong() > len(seeds)*size/2 {
		t.Errorf("%d of %d are wrong, with bogofilter %d", ours.wrong(), 2*len(seeds)*size, theirs.wrong())
	}
	if ours.falseSpam > theirs.falseSpam {
		t.Errorf("%d of ham are taken for spam, with bogofilter %d", ours.falseSpam, theirs.falseSpam)
	}
	if ours.falseHam > theirs.falseHam {
		t.Errorf("%d of spam are taken for ham, with bogofilter %d", ours.falseHam, theirs.falseHam)
	}
}

func judge(t *testing.T, b *mailbag.Bag, result *tally) {
	c := open(t, Options{})
	teach(t, c, "user", learn.Learned, items(t, b, 0, size)...)
	for i := size; i < 2*size; i++ {
		result.add(learn.Spam, class(t, c, "user", b.Spam(i)).Class)
		result.add(learn.Ham, class(t, c, "user", b.Ham(i)).Class)
	}
}

// bogofilter does the same with bogofilter and its defaults.
func bogofilter(t *testing.T, b *mailbag.Bag, result *tally) {
	dir := t.TempDir()
	run := func(input []byte, args ...string) string {
		cmd := exec.Command("bogofilter", append([]string{"-C", "-d", dir}, args...)...)
		cmd.Stdin = bytes.NewReader(input)
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState.ExitCode() > 2 { // 0 to 2 are verdicts
			t.Fatalf("%v: %s", cmd.Args, out)
		}
		return string(out)
	}
	var spam, ham, names bytes.Buffer
	for i := range size {
		fmt.Fprintf(&spam, "From a@example.org Sun Nov  1 12:00:00 2026\n%s\n", b.Spam(i))
		fmt.Fprintf(&ham, "From a@example.org Sun Nov  1 12:00:00 2026\n%s\n", b.Ham(i))
		for class, raw := range map[learn.Class][]byte{learn.Spam: b.Spam(size + i), learn.Ham: b.Ham(size + i)} {
			name := filepath.Join(dir, fmt.Sprintf("%s-%d", class, i))
			if err := os.WriteFile(name, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&names, name)
		}
	}
	run(spam.Bytes(), "-s", "-M")
	run(ham.Bytes(), "-n", "-M")
	for line := range strings.Lines(run(names.Bytes(), "-b", "-T")) {
		f := strings.Fields(line) // name, S, H or U, score
		is, _, _ := strings.Cut(filepath.Base(f[0]), "-")
		result.add(learn.Class(is), map[string]learn.Class{"S": learn.Spam, "H": learn.Ham}[f[1]])
	}
}
