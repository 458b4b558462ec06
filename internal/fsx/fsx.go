// Package fsx is the file-system seam: what writes mail goes through FS, so that
// tests can make any call fail (fsxtest.Faulty); Flusher makes writes durable, one
// flush for many files under load; and Credentials.Do acts with a user's rights.
package fsx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// File is an open file or directory; *os.File is one.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Name() string
	Fd() uintptr
	Stat() (fs.FileInfo, error)
	Sync() error
	Chmod(mode fs.FileMode) error
	Chown(uid, gid int) error
	Truncate(size int64) error
}

// FS is the part of package os that a mail store needs, with the same meaning and errors.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	OpenDir(name string) (Dir, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(oldname, newname string) error
	Link(oldname, newname string) error
	Remove(name string) error
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	ReadFile(name string) ([]byte, error)
	Chtimes(name string, atime, mtime time.Time) error
}

// OS is the real file system.
type OS struct{}

// OpenFile is os.OpenFile for regular files and directories. Package os asks the
// kernel five times more whether the file can be polled, which neither can.
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	for {
		fd, err := unix.Open(name, flag|unix.O_CLOEXEC, uint32(perm.Perm()))
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case !errors.Is(err, unix.EINTR):
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// Mkdir is os.Mkdir.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// Rename is rename(2): unlike os.Rename it does not look first whether newname is a directory.
func (OS) Rename(oldname, newname string) error {
	for {
		err := unix.Rename(oldname, newname)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
		}
	}
}

// Link is os.Link.
func (OS) Link(oldname, newname string) error { return os.Link(oldname, newname) }

// Remove is os.Remove.
func (OS) Remove(name string) error { return os.Remove(name) }

// Stat is os.Stat.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// Lstat is os.Lstat.
func (OS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// ReadDir is os.ReadDir.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// ReadFile is os.ReadFile.
func (OS) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// Chtimes is os.Chtimes.
func (OS) Chtimes(name string, atime, mtime time.Time) error { return os.Chtimes(name, atime, mtime) }

// ErrIrregular is the error of something that is no regular file.
var ErrIrregular = errors.New("not a regular file")

// OpenRegular opens a regular file in whose place somebody else may have put anything:
// what could let us wait, to be opened or, as a pipe that is held open, to be read or
// written, is ErrIrregular. So is a directory or a device.
func OpenRegular(fsys FS, name string, flag int, perm fs.FileMode) (File, fs.FileInfo, error) {
	file, err := fsys.OpenFile(name, flag|unix.O_NONBLOCK, perm)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrIrregular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// SyncDir makes the entries of directory name durable: what was renamed, linked
// or removed in it before.
func SyncDir(fsys FS, name string) error {
	d, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("opening the directory to sync it: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing directory %s: %w", name, err)
	}
	return nil
}
