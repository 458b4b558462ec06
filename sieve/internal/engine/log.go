package engine

import (
	"errors"
	"fmt"

	"dovetail/sieve/internal/syntax"
)

// Fail logs a runtime error at pos and gives the error that ends the script.
func (r *Run) Fail(pos Pos, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	var re *RunError
	if errors.As(err, &re) {
		return err // logged already
	}
	r.log = append(r.log, r.finding(pos, syntax.Error, err.Error()))
	return &RunError{Script: r.program.Name, Pos: pos, Err: err}
}

// LogError logs an error that does not end the script.
func (r *Run) LogError(pos Pos, format string, args ...any) {
	r.logf(pos, syntax.Error, format, args...)
}

// Warn logs a warning.
func (r *Run) Warn(pos Pos, format string, args ...any) { r.logf(pos, syntax.Warning, format, args...) }

// Info logs something worth knowing.
func (r *Run) Info(pos Pos, format string, args ...any) { r.logf(pos, syntax.Info, format, args...) }

func (r *Run) logf(pos Pos, s syntax.Severity, format string, args ...any) {
	r.log.Add(r.finding(pos, s, fmt.Sprintf(format, args...)))
}

// maxLogged bounds the bytes of one finding of a run, which may have a script's or a
// message's own words.
const maxLogged = 4096

// finding makes an entry of the log.
func (r *Run) finding(pos Pos, s syntax.Severity, text string) syntax.Diagnostic {
	if len(text) > maxLogged {
		text = Truncate(text, maxLogged) + "…"
	}
	return syntax.Diagnostic{Script: r.program.Name, Pos: pos, Severity: s, Text: text}
}
