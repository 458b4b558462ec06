package syntax

import (
	"fmt"
	"strings"
)

// Pos is a place in a script: line and column in bytes, both from 1. The zero
// value is no place.
type Pos struct{ Line, Col int }

// IsValid tells whether p is a place.
func (p Pos) IsValid() bool { return p.Line > 0 }

// Severity of a Diagnostic.
type Severity int

const (
	// Error makes a script unusable, or ends its run.
	Error Severity = iota
	// Warning is about a script that works, perhaps not as meant.
	Warning
	// Info is for the reader of a log.
	Info
)

func (s Severity) String() string { return [...]string{"error", "warning", "info"}[s] }

// Diagnostic is one finding about a script, made while it is compiled or run.
type Diagnostic struct {
	Script   string // name of the script
	Pos      Pos
	Severity Severity
	Text     string
}

// String gives "script:line:column: severity: text", without what is unknown.
func (d Diagnostic) String() string {
	if !d.Pos.IsValid() {
		return fmt.Sprintf("%s: %s: %s", d.Script, d.Severity, d.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", d.Script, d.Pos.Line, d.Pos.Col, d.Severity, d.Text)
}

// Diagnostics are findings in the order they were made.
type Diagnostics []Diagnostic

// MaxFindings is how many findings are kept of one script, or of one run.
const MaxFindings = 1000

// Add adds a finding. Beyond MaxFindings only the first error is kept: what has an
// error must never look as if it had none.
func (ds *Diagnostics) Add(d Diagnostic) {
	if len(*ds) < MaxFindings || d.Severity == Error && !ds.HasErrors() {
		*ds = append(*ds, d)
	}
}

// HasErrors tells whether any of them is an Error.
func (ds Diagnostics) HasErrors() bool { return ds.Count(Error) > 0 }

// Count gives the number of findings of one severity.
func (ds Diagnostics) Count(s Severity) int {
	n := 0
	for _, d := range ds {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Error gives all findings, a line each: Diagnostics serve as an error value.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}
