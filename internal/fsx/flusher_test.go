package fsx_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
)

func TestFlushManyAtOnce(t *testing.T) {
	fl := fsx.NewFlusher(4)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			for range 10 {
				if _, err := f.WriteString("x"); err != nil {
					t.Error(err)
				}
				if err := fl.Flush(context.Background(), []fsx.File{f}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestFlushTellsOfEachFailure(t *testing.T) {
	dir := t.TempDir()
	for n := 4; n <= 6; n++ { // calls 1 to 3 open
		faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n, Err: syscall.EIO}
		var files []fsx.File
		for i := range 3 {
			f, err := faulty.OpenFile(filepath.Join(dir, fmt.Sprint(i)), os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			files = append(files, f)
		}
		if err := fsx.NewFlusher(fsx.DefaultGroupAbove).Flush(context.Background(), files); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync %d failed, Flush says %v", n-3, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	if os.Geteuid() != 0 {
		err := fsx.Credentials{UID: uint32(os.Geteuid()) + 1}.Do(func() error { t.Error("ran"); return nil })
		if err == nil {
			t.Error("no error for another uid without root")
		}
		return
	}
	dir, err := os.MkdirTemp("/tmp", "fsx")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	c := fsx.Credentials{UID: 12345, GID: 12346, Groups: []uint32{12347}}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			link := filepath.Join(dir, fmt.Sprint("link", i))
			err := c.Do(func() error {
				if err := os.Symlink(secret, link); err != nil {
					return err
				}
				if _, err := os.Open(link); !errors.Is(err, os.ErrPermission) {
					t.Errorf("a user's link to root's file: %v", err)
				}
				return os.WriteFile(filepath.Join(dir, fmt.Sprint("own", i)), nil, 0o600)
			})
			if err != nil {
				t.Error(err)
			}
			st, err := os.Stat(filepath.Join(dir, fmt.Sprint("own", i)))
			if err != nil {
				t.Fatal(err)
			}
			if sys := st.Sys().(*syscall.Stat_t); sys.Uid != 12345 || sys.Gid != 12346 {
				t.Errorf("file belongs to %d:%d", sys.Uid, sys.Gid)
			}
			if _, err := os.ReadFile(secret); err != nil {
				t.Errorf("root did not get its rights back: %v", err)
			}
		})
	}
	wg.Wait()
	if err := (fsx.Credentials{}).Do(func() error { return nil }); err == nil {
		t.Error("uid 0 was accepted")
	}
}

func BenchmarkCredentials(b *testing.B) {
	c := fsx.Credentials{UID: 12345, GID: 12345}
	for b.Loop() {
		if err := c.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
