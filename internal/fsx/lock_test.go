package fsx_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
)

// A lock is waited for, as long as the context lasts.
func TestFlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	open := func(flag int) *os.File {
		f, err := os.OpenFile(path, flag|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first, second := open(os.O_RDONLY), open(os.O_RDWR)
	if err := fsx.Flock(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("over")
	cancel(over)
	if err := fsx.Flock(ctx, second); !errors.Is(err, over) {
		t.Errorf("locked twice: %v", err)
	}
	done := make(chan error)
	go func() { done <- fsx.Flock(t.Context(), second) }()
	first.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// What cannot be locked, as what NFS has opened for reading.
	if err := fsx.Flock(t.Context(), open(unix.O_PATH)); !fsx.HasNoLocks(err) {
		t.Error(err)
	}
	if fsx.HasNoLocks(nil) || fsx.HasNoLocks(over) {
		t.Error("other errors say that there are no locks")
	}
}
