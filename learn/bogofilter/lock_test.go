package bogofilter

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Where the file system has no locks, as NFS for the key that is open for reading, there
// is none.
func TestNoLocks(t *testing.T) {
	f, err := os.OpenFile(t.TempDir(), unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lock(t.Context(), f); err != nil {
		t.Error(err)
	}
}
