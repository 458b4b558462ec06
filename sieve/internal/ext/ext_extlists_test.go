package ext

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"dovetail/internal/fsx"
)

// A run does not wait for what is in the place of a list's file and is none.
func TestExtlistNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readExtlist(&extlist{path: path}); !errors.Is(err, fsx.ErrIrregular) {
		t.Error(err)
	}
}
