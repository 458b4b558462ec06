package fsx_test

import (
	"errors"
	"fmt"
	"io"
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

// A regular file is opened, and nothing that would let its reader or writer wait.
func TestOpenRegular(t *testing.T) {
	path := t.TempDir()
	pipe, regular := filepath.Join(path, "pipe"), filepath.Join(path, "file")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(regular, []byte("hello"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{regular: nil, pipe: fsx.ErrIrregular, path: fsx.ErrIrregular, "/dev/zero": fsx.ErrIrregular, path + "/none": fs.ErrNotExist} {
		file, info, err := fsx.OpenRegular(fsx.OS{}, name, os.O_RDONLY, 0)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, wanted %v", name, err, want)
		}
		if err == nil {
			if text, err := io.ReadAll(file); string(text) != "hello" || err != nil || info.Size() != 5 {
				t.Errorf("%q, %v, %d bytes", text, err, info.Size())
			}
			file.Close()
		}
	}
	held, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
		if _, _, err := fsx.OpenRegular(fsx.OS{}, pipe, flag, 0); !errors.Is(err, fsx.ErrIrregular) {
			t.Errorf("a pipe that is held open, flag %d: %v", flag, err)
		}
	}
}

// All names come, also those of a directory larger than what is read at once.
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
	var got []string
	if err := dir.ReadNames(func(name []byte) { got = append(got, string(name)) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d names of %d, or others", len(got), len(want))
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := dir.ReadNames(func(name []byte) { t.Errorf("%q in a directory that is gone", name) }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is gone: %v", err)
	}
}
