package expire

import (
	"fmt"

	"dovetail/internal/mailerr"
)

// MaxFailures is how many messages of a mailbox that fail are told of one by one: on a
// broken disk it may be all of them.
const MaxFailures = 10

// Failures counts the messages of a mailbox that could not be looked at or dealt with.
// The zero value is none.
type Failures struct {
	n   int
	one error // of those beyond MaxFailures
}

// Add takes in the error of a message, and says whether it is one of the first, that are
// to be told.
func (f *Failures) Add(err error) bool {
	f.n++
	if f.n <= MaxFailures {
		return true
	}
	if f.one == nil || mailerr.ExitCode(err) == mailerr.ExTempFail { // which decides for all
		f.one = err
	}
	return false
}

// Rest tells of the others in one error, which is temporary if one of theirs is; nil
// where there are none.
func (f *Failures) Rest() error {
	if f.one == nil {
		return nil
	}
	return fmt.Errorf("%d more messages, one of them: %w", f.n-MaxFailures, f.one)
}
