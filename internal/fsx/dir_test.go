package fsx_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
)

// A directory gives what is in it, waits for no pipe and follows no link.
func TestDir(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "file"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Mkfifo(filepath.Join(path, "pipe"), 0o600), os.Symlink("file", filepath.Join(path, "link")), os.Mkdir(filepath.Join(path, "dir"), 0o700)); err != nil {
		t.Fatal(err)
	}
	dir, err := fsx.OS{}.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	for name, want := range map[string]error{"file": nil, "pipe": unix.ESPIPE, "link": unix.ELOOP, "dir": unix.EISDIR, "none": fs.ErrNotExist} {
		n, err := dir.ReadStart(name, buf)
		if !errors.Is(err, want) || err == nil && string(buf[:n]) != "hello" {
			t.Errorf("%s: %q, %v, wanted %v", name, buf[:n], err, want)
		}
	}
	if n, err := dir.ReadStart("file", buf[:2]); n != 2 || err != nil {
		t.Errorf("two bytes: %d, %v", n, err)
	}
	var st unix.Stat_t
	if err := dir.Lstat("link", &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Errorf("link: mode %o, %v", st.Mode, err)
	}
	if err := dir.Lstat("none", &st); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if err := dir.Close(); err != nil {
		t.Error(err)
	}
	if _, err := (fsx.OS{}).OpenDir(filepath.Join(path, "file")); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
}

// All names come, each time, also those of a directory larger than what is read at once.
func TestReadNames(t *testing.T) {
	path := t.TempDir()
	var want []string
	for i := range 2000 {
		want = append(want, fmt.Sprintf("%04d%s", i, strings.Repeat("x", i%250)))
		if err := os.WriteFile(filepath.Join(path, want[i]), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := fsx.OS{}.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for range 2 {
		var got []string
		if err := dir.ReadNames(func(name []byte) { got = append(got, string(name)) }); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d names of %d, or others", len(got), len(want))
		}
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := dir.ReadNames(func(name []byte) { t.Errorf("%q in a directory that is gone", name) }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is gone: %v", err)
	}
}
