package bogofilter

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// How long a lock is waited for, and how often it is tried.
const (
	lockWait = 30 * time.Second
	lockPoll = 20 * time.Millisecond
)

// errBusy is the error of a database that is not given free.
var errBusy = errors.New("a bogofilter that was started before is still at work")

// lock locks a file with flock(2).
func lock(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, errBusy)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}
