package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"dovetail/internal/fsx"
)

// ErrLocked says that another process drains the queue.
var ErrLocked = errors.New("another process drains the learn queue")

// Lock makes this process the one that drains the queue, until release is called
// or the process ends. While another one is, the error is ErrLocked.
func (q *Queue) Lock() (release func(), err error) {
	f, err := q.openLock()
	if err != nil {
		return nil, fmt.Errorf("locking the learn queue: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return func() { f.Close() }, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("locking %s: %w", q.dir, ErrLocked)
	}
	return nil, fmt.Errorf("locking the learn queue: %w", &fs.PathError{Op: "flock", Path: q.path(lockName), Err: err})
}

// openLock opens the file that is locked. It is readable for its owner only, or
// any user could lock it and stop the draining.
func (q *Queue) openLock() (fsx.File, error) {
	const flags = os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	path := q.path(lockName)
	// Where the file exists it is opened without O_CREAT, which the kernel refuses in
	// a sticky directory for a file of somebody else (protected_regular, proc(5)).
	f, err := q.fsys.OpenFile(path, flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = q.fsys.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, fileMode)
	}
	if errors.Is(err, fs.ErrExist) { // another process was faster
		f, err = q.fsys.OpenFile(path, flags, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := q.checkLock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// checkLock refuses a lock file that somebody else may hold at will.
func (q *Queue) checkLock(f fsx.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	dir, err := q.fsys.Stat(q.dir)
	if err != nil {
		return err
	}
	if uid := owner(info); uid != 0 && uid != uint32(os.Geteuid()) && uid != owner(dir) {
		return fmt.Errorf("%s belongs to uid %d, who has no business there: remove it", f.Name(), uid)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %s, and others could lock it: remove it", f.Name(), info.Mode())
	}
	return nil
}
