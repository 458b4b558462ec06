// Package selftest tells which link of the chain from an IMAP client to a spam filter
// is broken, and how to mend it: the form of its report, and what can be seen of
// Dovecot's side. It changes nothing.
//
// Of Dovecot it asks doveconf for the configuration, of 2.3 or 2.4, and follows it as
// Dovecot does: the plugins, the rules of imapsieve, the scripts, which sievec compiles,
// and the programs that they call, with the rights of a user.
package selftest

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"golang.org/x/sys/unix"
)

// Result is the result of one step.
type Result string

// The results.
const (
	OK   Result = "ok"
	Warn Result = "warning" // it works, but not well
	Fail Result = "broken"
	Skip Result = "skipped" // it could not be looked at, or does not matter here
)

// Step is one link of the chain.
type Step struct {
	Name   string `json:"name"`
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
	Mend   string `json:"mend,omitempty"` // what to do about it
}

// Report is the list of all steps.
type Report struct {
	Steps []Step `json:"steps"`
}

// OK adds a step that works.
func (r *Report) OK(name, detail string) { r.add(Step{name, OK, detail, ""}) }

// Skip adds a step that was left out.
func (r *Report) Skip(name, why string) { r.add(Step{name, Skip, why, ""}) }

// Warn adds a step that works, but not well.
func (r *Report) Warn(name, what, mend string) { r.add(Step{name, Warn, what, mend}) }

// Fail adds a step that is broken.
func (r *Report) Fail(name string, err error, mend string) {
	r.add(Step{name, Fail, err.Error(), mend})
}

func (r *Report) add(s Step) { r.Steps = append(r.Steps, s) }

// Broken counts the broken links.
func (r *Report) Broken() (n int) {
	for _, s := range r.Steps {
		if s.Result == Fail {
			n++
		}
	}
	return n
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Steps {
		fmt.Fprintf(tab, "%s\t%s\t%s\n", s.Result, s.Name, s.Detail)
		if s.Mend != "" {
			fmt.Fprintf(tab, "\t\t→ %s\n", s.Mend)
		}
	}
	return tab.Flush()
}

// JSON writes the report as one object.
func (r *Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// unixAccess tells whether the caller may execute a file.
func unixAccess(path string) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("cannot be executed: %w", err)
	}
	return nil
}
