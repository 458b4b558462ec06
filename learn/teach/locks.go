package teach

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"syscall"

	"dovetail/internal/fsx"
)

// Locks are what Pupil.Lock needs: files in a directory, locked with flock(2), so
// that the kernel gives them back when a process dies. Of several users some share
// one.
type Locks struct{ dir string }

const lockFiles = 64

// NewLocks makes the directory if it is missing. It must be nobody else's: who can
// open its files can stop the teaching.
func NewLocks(dir string) (*Locks, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("making the directory of locks: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("looking at the directory of locks: %w", err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%s has mode %s and owner %d, and others could hold the locks in it: remove it", dir, info.Mode(), stat.Uid)
	}
	return &Locks{dir}, nil
}

// Lock is Pupil.Lock.
func (l *Locks) Lock(ctx context.Context, backend, user string) (release func(), err error) {
	sum := fnv.New32a()
	fmt.Fprintf(sum, "%s\x00%s", backend, user)
	path := filepath.Join(l.dir, fmt.Sprintf("%02d", sum.Sum32()%lockFiles))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := fsx.Flock(ctx, f); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
