// Package fsxtest makes file-system calls fail on purpose.
package fsxtest

import (
	"io/fs"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
)

// Faulty is an FS whose FailAt-th call fails (1 is the first; 0: none does).
// Reading calls (Stat, Lstat, ReadDir, ReadFile) count too. Close never fails.
type Faulty struct {
	fsx.FS
	FailAt int
	Sticky bool  // all calls after it fail too, as on a full disk
	Err    error // what they fail with; ENOSPC when nil

	mu    sync.Mutex
	calls int
}

// Calls tells how many calls there were.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *Faulty) fault(op, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.FailAt == 0 || f.calls < f.FailAt || f.calls > f.FailAt && !f.Sticky {
		return nil
	}
	err := f.Err
	if err == nil {
		err = syscall.ENOSPC
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// OpenFile fails or opens; the file's calls count as well.
func (f *Faulty) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	if err := f.fault("open", name); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

// OpenDir fails or opens; the directory's calls count as well.
func (f *Faulty) OpenDir(name string) (fsx.Dir, error) {
	if err := f.fault("open", name); err != nil {
		return nil, err
	}
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &faultyDir{dir, f}, nil
}

// Mkdir fails or makes.
func (f *Faulty) Mkdir(name string, perm fs.FileMode) error {
	if err := f.fault("mkdir", name); err != nil {
		return err
	}
	return f.FS.Mkdir(name, perm)
}

// Rename fails or renames.
func (f *Faulty) Rename(oldname, newname string) error {
	if err := f.fault("rename", newname); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

// Link fails or links.
func (f *Faulty) Link(oldname, newname string) error {
	if err := f.fault("link", newname); err != nil {
		return err
	}
	return f.FS.Link(oldname, newname)
}

// Remove fails or removes.
func (f *Faulty) Remove(name string) error {
	if err := f.fault("remove", name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// Stat fails or stats.
func (f *Faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.fault("stat", name); err != nil {
		return nil, err
	}
	return f.FS.Stat(name)
}

// Lstat fails or stats.
func (f *Faulty) Lstat(name string) (fs.FileInfo, error) {
	if err := f.fault("lstat", name); err != nil {
		return nil, err
	}
	return f.FS.Lstat(name)
}

// ReadDir fails or reads.
func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.fault("readdir", name); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(name)
}

// ReadFile fails or reads.
func (f *Faulty) ReadFile(name string) ([]byte, error) {
	if err := f.fault("read", name); err != nil {
		return nil, err
	}
	return f.FS.ReadFile(name)
}

// Chtimes fails or sets.
func (f *Faulty) Chtimes(name string, atime, mtime time.Time) error {
	if err := f.fault("chtimes", name); err != nil {
		return err
	}
	return f.FS.Chtimes(name, atime, mtime)
}

type faultyDir struct {
	fsx.Dir
	fs *Faulty
}

func (d *faultyDir) ReadNames(give func(name []byte)) error {
	if err := d.fs.fault("readdir", ""); err != nil {
		return err
	}
	return d.Dir.ReadNames(give)
}

func (d *faultyDir) Lstat(name string, st *unix.Stat_t) error {
	if err := d.fs.fault("lstat", name); err != nil {
		return err
	}
	return d.Dir.Lstat(name, st)
}

func (d *faultyDir) ReadStart(name string, buf []byte) (int, error) {
	if err := d.fs.fault("read", name); err != nil {
		return 0, err
	}
	return d.Dir.ReadStart(name, buf)
}

type faultyFile struct {
	fsx.File
	fs *Faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.fault("write", f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2]) // a full disk takes what fits
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.fault("sync", f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}
