package svtest

import (
	"fmt"
	"io"
)

// Report is the outcome of one test file.
type Report struct {
	File          string
	ExpectFailure bool
	Tests         []Test
	Aborted       string // why the file did not run to its end; "" when it did
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
