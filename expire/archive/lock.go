package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
)

// Rules of locks, as Dovecot has them for mbox files (mbox_dotlock_change_timeout).
const (
	lockStale = 2 * time.Minute // a lock that did not change for that long is void
	lockPause = 20 * time.Millisecond
)

// lock makes NAME.lock, which says whose it is, and waits for that of others.
func (k *mboxKeeper) lock(ctx context.Context) (unlock func() error, err error) {
	name := k.path + ".lock"
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	// It is written under another name, so that a process that is killed in between
	// leaves no lock of nobody. Users that share the file are in one process.
	tmp := fmt.Sprintf("%s.%d.%s", name, os.Getpid(), rand.Text())
	if err := k.writeFile(tmp, fmt.Sprintf("%d:%s", os.Getpid(), host)); err != nil {
		return nil, err
	}
	waiter := dotlock{fs: k.o.FS, name: name, host: host}
	err = k.wait(ctx, name, func() (bool, error) {
		err := k.o.FS.Link(tmp, name)
		if errors.Is(err, fs.ErrExist) {
			return false, waiter.breakVoid()
		}
		return err == nil, err
	})
	if removeErr := k.remove(tmp); removeErr != nil {
		k.o.warn(fmt.Errorf("removing a file that made a lock: %w", removeErr))
	}
	if err != nil {
		return nil, err
	}
	return func() error { return k.remove(name) }, nil
}

// remove removes a file, if need be at the second try: a lock would stop others for long.
func (k *mboxKeeper) remove(name string) error {
	err := k.o.FS.Remove(name)
	if err != nil {
		err = k.o.FS.Remove(name)
	}
	return err
}

// writeFile makes a small file anew.
func (k *mboxKeeper) writeFile(name, text string) error {
	f, err := k.o.FS.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	return errors.Join(err, f.Close())
}

// lockFile locks an open file by fcntl(2), until it is closed. A file system without
// locks is no error.
func (k *mboxKeeper) lockFile(ctx context.Context, f fsx.File) error {
	return k.wait(ctx, f.Name(), func() (bool, error) {
		l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINTR):
			return false, nil
		case fsx.HasNoLocks(err):
			return true, nil
		}
		return err == nil, err
	})
}

// wait calls try until it is true.
func (k *mboxKeeper) wait(ctx context.Context, name string, try func() (bool, error)) error {
	end := time.Now().Add(k.o.LockTimeout)
	for {
		ok, err := try()
		if ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return mailerr.Temp(fmt.Errorf("%s: locked by another program for %v", name, k.o.LockTimeout), "")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// dotlock is another one's lock.
type dotlock struct {
	fs         fsx.FS
	name, host string
	seen       fs.FileInfo // as it was at the last look
	since      time.Time   // it is so
}

// breakVoid removes the lock when its holder is dead, or nothing has changed it for long.
func (d *dotlock) breakVoid() error {
	info, err := d.fs.Lstat(d.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.seen == nil || !os.SameFile(d.seen, info) || !d.seen.ModTime().Equal(info.ModTime()) {
		d.seen, d.since = info, time.Now()
	}
	if time.Since(d.since) < lockStale && !d.holderIsDead() {
		return nil
	}
	d.seen = nil
	if err := d.fs.Remove(d.name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// holderIsDead tells whether the lock names a process of this machine that has ended.
func (d *dotlock) holderIsDead() bool {
	text, err := d.fs.ReadFile(d.name)
	if err != nil {
		return false
	}
	number, host, ok := strings.Cut(strings.TrimSpace(string(text)), ":")
	pid, err := strconv.Atoi(number)
	return ok && err == nil && host == d.host && pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
