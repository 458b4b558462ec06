package fsx

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is how often a lock is tried.
const lockPoll = 20 * time.Millisecond

// Flock locks an open file for us alone, with flock(2), and waits until it can. The lock
// goes with the last descriptor of the open file, also of processes that were started. The
// error is the system call's, or the cause of ctx's end.
func Flock(ctx context.Context, f interface{ Fd() uintptr }) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// HasNoLocks tells from the error of a lock that the file system has none, or, as NFS, none
// for a file that is open for reading alone (EBADF).
func HasNoLocks(err error) bool {
	return errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS)
}
