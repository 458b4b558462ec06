package mbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"dovetail/internal/decompress"
	"dovetail/internal/fsx"
)

// ErrLocked says that another program has a file locked.
var ErrLocked = errors.New("locked")

// File is an mbox file that nobody who locks changes while it is open.
type File struct {
	Name string
	Size int64       // of the uncompressed text, in bytes
	Info fs.FileInfo // as it was opened

	file *os.File
	text *decompress.Text
}

// Open opens a file and locks it by fcntl(2) for reading, as Dovecot's mbox_read_locks
// has it, and by flock(2), so that it is imported once at a time. It does not
// wait: ErrLocked, also when there is a dotlock (NAME.lock), whatever its age. A file
// system that has no locks is no error.
func Open(name string) (*File, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // no waiting for a pipe either
	if err != nil {
		return nil, err
	}
	f := &File{Name: name, file: file}
	if err := f.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("mbox %s: %w", name, err), file.Close())
	}
	return f, nil
}

func (f *File) open() (err error) {
	if f.Info, err = f.file.Stat(); err != nil {
		return err
	}
	if !f.Info.Mode().IsRegular() {
		return errors.New("not a file")
	}
	if err = f.lock(); err != nil {
		return err
	}
	if f.Info, err = f.file.Stat(); err != nil { // it may have grown before it was locked
		return err
	}
	if f.text, err = decompress.Open(f.file); err != nil {
		return err
	}
	f.Size = f.text.Size
	return nil
}

func (f *File) lock() error {
	if _, err := os.Lstat(f.Name + ".lock"); err == nil {
		return fmt.Errorf("%w: there is %s.lock", ErrLocked, f.Name)
	}
	// A lock of the open file, which goes with it alone (fcntl(2), "Open file description locks").
	l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	err := locked(unix.FcntlFlock(f.file.Fd(), unix.F_OFD_SETLK, &l), "fcntl")
	if err == nil {
		err = locked(unix.Flock(int(f.file.Fd()), unix.LOCK_EX|unix.LOCK_NB), "flock")
	}
	return err
}

// locked tells what a call of locking has failed with.
func locked(err error, call string) error {
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w by %s", ErrLocked, call)
	case fsx.HasNoLocks(err):
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", call, err)
	}
	return nil
}

// Reader reads the file from its start.
func (f *File) Reader(o Options) *Reader { return NewReader(f.text, f.Size, o) }

// Check tells what was wrong with the file as a whole: it could not be uncompressed to
// its end, or somebody who does not lock has changed it since it was opened.
func (f *File) Check() []Finding {
	var found []Finding
	if err := f.text.Broken; err != nil {
		found = append(found, Finding{Offset: f.Size, Text: fmt.Sprintf("uncompressing ends here: %v", err), Damaged: true})
	}
	info, err := f.file.Stat()
	switch {
	case err != nil:
		found = append(found, Finding{Text: err.Error(), Damaged: true})
	case info.Size() > f.Info.Size():
		found = append(found, Finding{Offset: f.Info.Size(), Text: "the file has grown while it was read: import it again for the rest", Damaged: true})
	case info.Size() != f.Info.Size() || !info.ModTime().Equal(f.Info.ModTime()):
		found = append(found, Finding{Text: "the file was changed while it was read: import it again", Damaged: true})
	}
	return found
}

// Close also unlocks the file.
func (f *File) Close() error { return errors.Join(f.text.Close(), f.file.Close()) }
