package expire_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"dovetail/expire"
	"dovetail/internal/mailerr"
)

// The first failures are told of, and how many there were behind them: with the status
// that all of them together have.
func TestFailures(t *testing.T) {
	denied := mailerr.Perm(errors.New("not for you"), "")
	broken := mailerr.FromErrno(&fs.PathError{Op: "read", Path: "b", Err: syscall.EIO})
	for _, c := range []struct {
		errs   []error
		told   int
		rest   string
		status int
	}{
		{nil, 0, "", 0},
		{repeat(denied, expire.MaxFailures), expire.MaxFailures, "", 0},
		{repeat(denied, expire.MaxFailures+1), expire.MaxFailures, "1 more messages, one of them: " + denied.Error(), mailerr.ExitCode(denied)},
		{append(repeat(denied, 2*expire.MaxFailures), broken, denied), expire.MaxFailures, fmt.Sprintf("%d more messages, one of them: %v", expire.MaxFailures+2, broken), mailerr.ExTempFail},
	} {
		var f expire.Failures
		told := 0
		for _, err := range c.errs {
			if f.Add(err) {
				told++
			}
		}
		rest := f.Rest()
		if told != c.told || (rest == nil) != (c.rest == "") || rest != nil && (rest.Error() != c.rest || mailerr.ExitCode(rest) != c.status) {
			t.Errorf("%d errors: told %d, then %v with status %d", len(c.errs), told, rest, mailerr.ExitCode(rest))
		}
	}
}

func repeat(err error, n int) (all []error) {
	for range n {
		all = append(all, err)
	}
	return all
}
