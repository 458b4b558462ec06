package svtest

import (
	"fmt"
	"io"
	"slices"

	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/syntax"
)

// Report is the outcome of one test file.
type Report struct {
	File          string
	ExpectFailure bool
	Tests         []Test
	Aborted       string // why the file did not run to its end; "" when it did

	needs map[string]bool // capabilities of Pigeonhole, required and not ours
}

// Test is one test block that was started.
type Test struct {
	Name   string
	Failed bool
	Reason string // of the failure
}

// Failures counts failed tests; a file that was aborted has one more.
func (r *Report) Failures() int {
	n := 0
	for _, t := range r.Tests {
		if t.Failed {
			n++
		}
	}
	if r.Aborted != "" {
		n++
	}
	return n
}

// Passed tells whether the file passes: no failure, or with ExpectFailure as
// many as there are tests.
func (r *Report) Passed() bool {
	if r.ExpectFailure {
		return r.Failures() >= len(r.Tests)
	}
	return r.Failures() == 0
}

// Needs names the capabilities that the file, or a script that it compiles,
// requires, that Pigeonhole has and that do not exist here yet.
func (r *Report) Needs() []string {
	names := make([]string, 0, len(r.needs))
	for name := range r.needs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Write prints a line per test, and whether the file passes.
func (r *Report) Write(w io.Writer) error {
	for i, t := range r.Tests {
		verdict := "SUCCEEDED"
		if t.Failed {
			verdict = "FAILED"
			if t.Reason != "" {
				verdict += ": " + t.Reason
			}
		}
		if _, err := fmt.Fprintf(w, "%2d: Test '%s' %s\n", i+1, t.Name, verdict); err != nil {
			return err
		}
	}
	if r.Aborted != "" {
		if _, err := fmt.Fprintf(w, "XX: Test CASE FAILED: %s\n", r.Aborted); err != nil {
			return err
		}
	}
	verdict := "PASS"
	if !r.Passed() {
		verdict = "FAIL"
	}
	_, err := fmt.Fprintf(w, "%s %s\n", verdict, r.File)
	return err
}

func (r *Report) abort(reason string) { r.Aborted = reason }

// pigeonholes are the capabilities of Pigeonhole 0.5.19 and 2.4; a test file
// that requires one that we lack is not wrong, we are unfinished.
var pigeonholes = []string{
	"body", "comparator-i;unicode-casemap", "date", "duplicate", "enotify", "extlists", "extracttext", "foreverypart",
	"ihave", "imapflags", "include", "index", "mboxmetadata", "mime", "notify", "servermetadata", "spamtest",
	"spamtestplus", "special-use", "vacation", "vacation-seconds", "virustest", "vnd.dovecot.debug",
	"vnd.dovecot.duplicate", "vnd.dovecot.report",
}

// noteNeeds notes which capabilities a script requires that do not exist yet.
func (s *suite) noteNeeds(src []byte) {
	script, _ := syntax.Parse("", src, syntax.Limits{})
	known := engine.Known()
	for _, n := range script {
		if n.Name != "require" {
			continue
		}
		for _, a := range n.Args {
			for _, item := range append(slices.Clone(a.List), a) {
				if slices.Contains(pigeonholes, item.Str) && !slices.Contains(known, item.Str) {
					s.report.needs[item.Str] = true
				}
			}
		}
	}
}
