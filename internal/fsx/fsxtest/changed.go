package fsxtest

import (
	"syscall"
	"testing"
	"time"
)

// Changed gives the time of the last change of a file's inode.
func Changed(t *testing.T, name string) time.Time {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return time.Unix(st.Ctim.Unix())
}
