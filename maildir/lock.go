package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
)

// Lock rules of Dovecot.
const (
	lockSuffix         = ".lock"
	lockStale          = 120 * time.Second // a uidlist lock that did not change for that long is void
	lockUnsigned       = 5 * time.Second   // the same for one that says not whose it is: who made it died before that
	subscriptionsStale = 30 * time.Second  // the same for the subscriptions file
	lockTouch          = 10 * time.Second  // how often a holder shows that it lives
	// DefaultLockTimeout is how long a lock is waited for: until it is void for sure.
	DefaultLockTimeout = lockStale + 2*time.Second
)

// staleness is when a lock that did not change is void: any, and an empty one.
type staleness struct{ any, empty time.Duration }

// errLockLost says that another process took the lock away.
var errLockLost = errors.New("the lock was taken over by another process")

// dotlock is a held lock: a file that only one process can have made.
type dotlock struct {
	store *Store
	path  string
	info  fs.FileInfo
	file  fsx.File // open where the new content is written into the lock itself
	since time.Time
	after bool // it was taken away from another one, who may have died in the middle
}

// lockUIDList takes dovecot-uidlist.lock, which whoever changes the folder's
// control files or renames in cur must hold. It says whose it is.
func (s *Store) lockUIDList(ctx context.Context, f folder, perm permissions) (*dotlock, error) {
	l, err := s.lock(ctx, f.control+"/"+uidlistFile, perm, staleness{lockStale, lockUnsigned})
	if err != nil {
		return nil, err
	}
	host, err := s.cache.host()
	if err == nil {
		_, err = fmt.Fprintf(l.file, "%d:%s", s.pid, host)
	}
	if err == nil {
		// Other processes compare modification times: this is the one to remember.
		l.info, err = l.file.Stat()
	}
	if err != nil {
		l.release()
		return nil, mailerr.FromErrno(fmt.Errorf("writing the lock %s: %w", l.path, err))
	}
	return l, nil
}

// lock takes the dot lock of a file, and waits for it.
func (s *Store) lock(ctx context.Context, target string, perm permissions, stale staleness) (*dotlock, error) {
	path := target + lockSuffix
	w := waiter{store: s, path: path, stale: stale, start: time.Now()}
	for {
		f, err := s.create(path, perm)
		if err == nil {
			l, err := s.holdLock(f, path)
			if err == nil {
				l.after = w.void
			}
			return l, err
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, mailerr.FromErrno(fmt.Errorf("making the lock %s: %w", path, err))
		}
		if err := w.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *Store) holdLock(f fsx.File, path string) (*dotlock, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(mailerr.FromErrno(err), f.Close(), s.fs.Remove(path))
	}
	return &dotlock{store: s, path: path, info: info, file: f, since: time.Now()}, nil
}

// waiter waits for another process's lock. Its times are of the monotonic clock,
// whatever Options.Now tells.
type waiter struct {
	store   *Store
	path    string
	stale   staleness
	start   time.Time
	seen    fs.FileInfo // as it was at the last look
	changed time.Time   // when a look last found it changed
	pause   time.Duration
	void    bool // the lock of another one was void
}

// wait returns when trying again makes sense.
func (w *waiter) wait(ctx context.Context) error {
	info, err := w.store.fs.Lstat(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return ctx.Err()
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("waiting for the lock: %w", err))
	}
	if w.seen == nil || !sameState(w.seen, info) {
		w.seen, w.changed = info, time.Now()
	}
	stale := w.stale.any
	if info.Size() == 0 {
		stale = w.stale.empty
	}
	if time.Since(w.changed) > stale || w.holderIsDead() {
		return w.takeAway()
	}
	if time.Since(w.start) > w.store.lockTimeout {
		return mailerr.Temp(fmt.Errorf("lock %s: held by another process for %v", w.path, w.store.lockTimeout), "Mailbox is locked")
	}
	w.pause = min(w.pause+2*time.Millisecond, 100*time.Millisecond)
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("waiting for the lock %s: %w", w.path, ctx.Err())
	case <-timer.C:
		return nil
	}
}

func sameState(a, b fs.FileInfo) bool { return os.SameFile(a, b) && stateOf(a) == stateOf(b) }

// holderIsDead tells whether the lock names a process of this machine that has ended.
func (w *waiter) holderIsDead() bool {
	content, err := w.store.readFile(w.path, maxLockFile)
	if err != nil {
		return false
	}
	number, name, ok := strings.Cut(strings.TrimSpace(content), ":")
	pid, err := strconv.Atoi(number)
	host, hostErr := w.store.cache.host()
	if !ok || err != nil || hostErr != nil || name != host || pid <= 0 || pid == w.store.pid {
		return false
	}
	return errors.Is(unix.Kill(pid, 0), syscall.ESRCH)
}

// takeAway removes a void lock, if it is still the one that was found void.
func (w *waiter) takeAway() error {
	info, err := w.store.fs.Lstat(w.path)
	if err != nil || !sameState(w.seen, info) {
		return nil // gone, or a new one: look again
	}
	w.seen, w.void = nil, true
	if err := w.store.fs.Remove(w.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mailerr.FromErrno(fmt.Errorf("removing a void lock: %w", err))
	}
	return nil
}

// check gives an error when the lock is not ours any more. A lock held for long is
// touched, so that nobody takes it for void.
func (l *dotlock) check() error {
	info, err := l.store.fs.Lstat(l.path)
	if err != nil || !os.SameFile(info, l.info) {
		return mailerr.Temp(fmt.Errorf("%s: %w", l.path, errLockLost), "Mailbox is locked")
	}
	if time.Since(l.since) > lockTouch {
		l.since = time.Now()
		if err := l.store.fs.Chtimes(l.path, l.since, l.since); err != nil {
			return mailerr.FromErrno(fmt.Errorf("touching the lock: %w", err))
		}
	}
	return nil
}

// release gives the lock back, unless another process took it away. A lock that
// cannot be removed is void for others when it is old or this process has ended.
func (l *dotlock) release() {
	err := l.remove()
	if err != nil {
		err = l.remove() // once more: it would stop others for long
	}
	// Open until now, so that the lock of somebody else has not got its inode.
	if err = errors.Join(err, l.file.Close()); err != nil {
		l.store.warn(fmt.Errorf("giving back the lock: %w", err))
	}
}

func (l *dotlock) remove() error {
	info, err := l.store.fs.Lstat(l.path)
	if err == nil && os.SameFile(info, l.info) {
		err = l.store.fs.Remove(l.path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replaceFile writes a control file anew, durably. Times of zero mean now.
func (s *Store) replaceFile(path, text string, perm permissions, mtime time.Time, lock *dotlock) error {
	tmp := path + ".tmp"
	f, err := s.create(tmp, perm)
	if errors.Is(err, fs.ErrExist) { // left by a process that ended: we hold the lock
		if err = s.fs.Remove(tmp); err == nil {
			f, err = s.create(tmp, perm)
		}
	}
	if err != nil {
		return mailerr.FromErrno(fmt.Errorf("writing %s: %w", tmp, err))
	}
	_, err = f.Write([]byte(text))
	if err == nil && !mtime.IsZero() {
		err = s.fs.Chtimes(tmp, mtime, mtime)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil && lock != nil {
		err = lock.check()
	}
	if err == nil {
		err = s.fs.Rename(tmp, path)
	}
	if err != nil {
		return mailerr.FromErrno(errors.Join(fmt.Errorf("writing %s: %w", path, err), s.fs.Remove(tmp)))
	}
	return s.syncDir(path)
}
