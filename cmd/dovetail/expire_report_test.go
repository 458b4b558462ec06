package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"dovetail/expire/policy"
	"dovetail/internal/peer"
)

// A pipe that another user has put in the place of the report is replaced: nobody waits
// for its other end.
func TestReportInPlaceOfPipe(t *testing.T) {
	peer.Need(t, peer.Root)
	file := filepath.Join(t.TempDir(), "page")
	if err := errors.Join(unix.Mkfifo(file, 0o666), os.Chown(file, 12345, 12345)); err != nil {
		t.Fatal(err)
	}
	if err := writePage(file, &policy.Report{}); err != nil {
		t.Error(err)
	}
	info, err := os.Lstat(file)
	if err != nil || info.Mode() != 0o600 || info.Size() == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
