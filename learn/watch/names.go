package watch

import (
	"strconv"
	"strings"
	"time"

	"dovetail/maildir"
)

// isNew tells whether a file was given its name since a look.
func isNew(n maildir.Name, since time.Time) bool {
	t, ok := nameTime(n.Base)
	return ok && !t.Before(since.Add(-clockSlack))
}

// nameTime gives the time in the name of a file: the seconds that it begins with.
func nameTime(base string) (time.Time, bool) {
	digits, _, _ := strings.Cut(base, ".")
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

// wasFiled tells whether a message was delivered into the folder where it is.
func wasFiled(n maildir.Name, received time.Time) bool {
	named, ok := nameTime(n.Base)
	return ok && named.Sub(received).Abs() <= filedWithin
}
