package opinion

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// token is a word of a script, or a sign.
var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[:]?[A-Za-z_][A-Za-z_0-9]*|[0-9]+[KMGkmg]?|\s+|.`)

// strange are words that break scripts, or nearly.
var strange = []string{"{", "}", "(", ")", "[", "]", ";", ",", ":", `"`, "#", "/*", "*/", "text:", "0", "4294967296", "1G",
	"99999999999999999999", "1x", ":is", ":contains", ":matches", ":regex", ":count", ":value", `"gt"`, `"x"`, "[]", `""`, ":flags", ":copy",
	":create", ":comparator", `"i;octet"`, `"i;ascii-numeric"`, `"i;nonsense"`, ":localpart", ":user", ":index", ":last", ":over", "keep",
	"stop", "discard", "if", "else", "elsif", "not", "true", "allof", "anyof", "nonsense", "require", `"fileinto"`, `["a", "b"]`, "\\", "\x00", "é", "-1", "+"}

// breakScript changes a script in one place or two.
func breakScript(r random, script string) string {
	tokens := token.FindAllString(script, -1)
	for range 1 + r.IntN(2) {
		at := r.IntN(len(tokens))
		for strings.TrimSpace(tokens[at]) == "" {
			at = r.IntN(len(tokens))
		}
		switch r.IntN(8) {
		case 0, 1:
			tokens[at] = ""
		case 2:
			tokens[at] += " " + tokens[at]
		case 3:
			other := r.IntN(len(tokens))
			tokens[at], tokens[other] = tokens[other], tokens[at]
		case 4:
			tokens[at] = pick(r, strange...)
		case 5:
			tokens[at] += " " + pick(r, strange...) + " "
		case 6:
			tokens[at] = " " + tokens[r.IntN(len(tokens))]
		case 7:
			cut := r.IntN(len(tokens[at]) + 1)
			tokens[at] = tokens[at][:cut]
		}
		if tokens = slices.DeleteFunc(tokens, func(t string) bool { return t == "" }); len(tokens) == 0 || strings.TrimSpace(strings.Join(tokens, "")) == "" {
			return ""
		}
	}
	return strings.Join(tokens, "")
}

// shortScript makes a script of one command and one condition, of which a change
// hits what matters.
func shortScript(r random, caps map[string]bool) string {
	g := newGenerator(r, caps)
	g.vars = []variable{{"va", "x"}}
	body := g.command(0)
	if g.one(2) {
		body = "if " + g.test(1) + " {\n" + body + "}\n"
	}
	return g.require() + body
}

// accepts tells whether sievec compiles a script.
func (p *pigeonhole) accepts(name, script string) (ok bool, said string, err error) {
	file := filepath.Join(p.dir, name+".sieve")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		return false, "", err
	}
	return p.compile(file)
}

// compile runs sievec on a file or a directory.
func (p *pigeonhole) compile(path string) (ok bool, said string, err error) {
	cmd, _, stderr := p.command("sievec", path)
	err = cmd.Run()
	said = strings.TrimSpace(stderr.String())
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		return false, crashed, nil
	}
	if err != nil && !strings.Contains(said, "failed to compile sieve script") {
		return false, said, fmt.Errorf("sievec: %w\n%s", err, said)
	}
	return err == nil, said, nil
}

// Scripts, whole ones and broken ones, are accepted or refused as sievec does.
// Those that dovetail accepts go to sievec together, since it accepts them, too.
func TestCheckAsSievec(t *testing.T) {
	p, d, s := newPigeonhole(t), newDovetail(t), seed(t)
	caps := shared(d, capabilities)
	var accepted, refused []string
	for i := range amount(t, 1500) {
		r := newRandom(s+2, i)
		script := shortScript(r, caps)
		if !r.one(6) {
			script = breakScript(r, script)
		}
		if ok, _ := d.accepts(script); ok {
			accepted = append(accepted, script)
		} else {
			refused = append(refused, script)
		}
	}
	c := &collector{known: map[string]int{}}
	check := func(worker int, script string) {
		ok, said, err := p.accepts(fmt.Sprintf("check%d", worker), script)
		if err != nil {
			t.Errorf("%v\n--- script\n%s", err, script)
			return
		}
		ours, oursSaid := d.accepts(script)
		d := &disagreement{script, parseMail(plainMessage), verdict(ours, oursSaid), verdict(ok, said)}
		if !d.ours.equal(d.other) {
			c.add(t, pigeonholeDifferences, d)
		}
	}
	work(t, len(refused), func(worker, i int) { check(worker, refused[i]) })
	const together = 50
	work(t, (len(accepted)+together-1)/together, func(worker, i int) {
		group := accepted[i*together : min((i+1)*together, len(accepted))]
		if p.acceptsAll(t, fmt.Sprintf("group%d", i), group) {
			return
		}
		for _, script := range group {
			check(worker, script)
		}
	})
	t.Logf("accepted %d, refused %d", len(accepted), len(refused))
	c.report(t, len(accepted)+len(refused))
}

// acceptsAll tells whether sievec compiles all of the scripts.
func (p *pigeonhole) acceptsAll(t *testing.T, name string, scripts []string) bool {
	t.Helper()
	dir := filepath.Join(p.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Error(err)
		return false
	}
	for i, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.sieve", i)), []byte(script), 0o644); err != nil {
			t.Error(err)
			return false
		}
	}
	ok, _, err := p.compile(dir)
	return ok && err == nil
}

// crashed is what is said of a sievec that a signal ended.
const crashed = "crashed"

// verdict is the outcome of compiling alone.
func verdict(ok bool, said string) outcome {
	switch {
	case ok:
		return outcome{said: said}
	case said == crashed:
		return outcome{failed: "crash"}
	}
	return outcome{failed: "compile", said: said}
}
