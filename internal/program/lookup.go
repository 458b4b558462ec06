package program

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// MaxName is the longest name of a program, in characters.
const MaxName = 128

// LookupError says why a name is not a program that may be run.
type LookupError struct {
	Name   string
	Reason string
	Err    error // the system's error, may be nil
}

func (e *LookupError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("program %q: %s: %v", e.Name, e.Reason, e.Err)
	}
	return fmt.Sprintf("program %q: %s", e.Name, e.Reason)
}

func (e *LookupError) Unwrap() error { return e.Err }

// ValidName tells whether name may name a program: UTF-8 of 1 to 128 characters,
// no control characters, no slash, no line or paragraph separator, and neither
// "." nor "..".
func ValidName(name string) bool {
	if !utf8.ValidString(name) || name == "" || name == "." || name == ".." || utf8.RuneCountInString(name) > MaxName {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x20 || r >= 0x7f && r <= 0x9f || r == '/' || r == 0x2028 || r == 0x2029
	})
}

// Lookup gives the path of a program: a regular file that somebody may execute
// and that not everybody may write. Its error is a *LookupError.
func (r *Runner) Lookup(name string) (string, error) {
	fail := func(reason string, err error) (string, error) {
		return "", &LookupError{Name: name, Reason: reason, Err: err}
	}
	if !ValidName(name) {
		return fail("invalid program name", nil)
	}
	if r.Dir == "" {
		return fail("no folder of programs is configured", nil)
	}
	path := filepath.Join(r.Dir, name)
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return fail("not found", err)
	case !st.Mode().IsRegular():
		return fail("not a regular file", nil)
	case st.Mode().Perm()&0o002 != 0:
		return fail("writable by everybody", nil)
	case st.Mode().Perm()&0o111 == 0:
		return fail("not executable", nil)
	}
	return path, nil
}
