package peer

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const bogofilterProgram, bogoutilProgram = "/usr/bin/bogofilter", "/usr/bin/bogoutil"

// BogofilterDB is a database of bogofilter's.
type BogofilterDB struct {
	Dir string

	t T
}

// NewBogofilter gives the database in a folder, which need not be there yet.
func NewBogofilter(t T, dir string) *BogofilterDB {
	t.Helper()
	Need(t, Bogofilter)
	return &BogofilterDB{Dir: dir, t: t}
}

// Counts tells how many messages it has learned.
func (b *BogofilterDB) Counts() (spam, ham int) {
	b.t.Helper()
	if found, _ := filepath.Glob(filepath.Join(b.Dir, "wordlist*")); len(found) == 0 {
		return 0, 0
	}
	out, err := exec.Command(bogoutilProgram, "-w", b.Dir, ".MSG_COUNT").Output()
	if err != nil {
		b.t.Fatalf("bogoutil: %v", err)
	}
	// A line of headings, then ".MSG_COUNT SPAM HAM".
	f := strings.Fields(string(out))
	if len(f) != 5 {
		return 0, 0
	}
	spam, _ = strconv.Atoi(f[3])
	ham, _ = strconv.Atoi(f[4])
	return spam, ham
}

// Learn teaches it a message by hand.
func (b *BogofilterDB) Learn(class string, message []byte) {
	b.t.Helper()
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		b.t.Fatalf("%v", err)
	}
	option := map[string]string{"spam": "-s", "ham": "-n"}[class]
	if status, out := b.run(message, option); status != 0 {
		b.t.Fatalf("bogofilter %s ended with %d: %s", option, status, out)
	}
}

// Verdict gives what it takes a message for: "spam", "ham", or "" when it is not sure.
func (b *BogofilterDB) Verdict(message []byte) string {
	b.t.Helper()
	status, out := b.run(message)
	switch status {
	case 0:
		return "spam"
	case 1:
		return "ham"
	case 2:
		return ""
	}
	b.t.Fatalf("bogofilter ended with %d: %s", status, out)
	return ""
}

func (b *BogofilterDB) run(message []byte, args ...string) (status int, output string) {
	b.t.Helper()
	cmd := exec.Command(bogofilterProgram, append([]string{"-C", "-d", b.Dir}, args...)...)
	cmd.Stdin = bytes.NewReader(message)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("bogofilter: %v", err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
