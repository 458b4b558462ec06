package queue

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// newID makes the name of a lesson's file.
func newID(at time.Time) string {
	return fmt.Sprintf("%s-%016x", at.UTC().Format(timeFormat), rand.Uint64())
}

// checkID refuses what newID would not make, so that no id is a path.
func checkID(id string) error {
	at, number, ok := strings.Cut(id, "-")
	if ok && len(number) == 16 && strings.Trim(number, "0123456789abcdef") == "" && len(at) == len(timeFormat) {
		if _, err := time.Parse(timeFormat, at); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is not the name of a lesson in the queue", id)
}

// isTmp tells whether a file is a lesson that is, or was, being written.
func isTmp(name string) bool {
	id, ok := strings.CutPrefix(name, tmpPrefix)
	return ok && checkID(id) == nil
}
