package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
)

func inbox(t *testing.T, s *Store) folder {
	t.Helper()
	f, err := s.folder(mailstore.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	mustMakeDirs(t, f.dir, "cur")
	return f
}

// patience is a file system that tells when a lock was looked at often, as only who waits
// for it does.
type patience struct {
	fsx.OS
	looks  atomic.Int32
	waited chan struct{}
}

func newPatience() *patience { return &patience{waited: make(chan struct{})} }

func (p *patience) Lstat(name string) (fs.FileInfo, error) {
	if strings.HasSuffix(name, lockSuffix) && p.looks.Add(1) == 12 {
		close(p.waited)
	}
	return p.OS.Lstat(name)
}

// keeping is a file system that looks, when a lock is removed, whether it is open.
type keeping struct {
	fsx.OS
	open bool
}

func (k *keeping) Remove(name string) error {
	if strings.HasSuffix(name, lockSuffix) {
		files, _ := filepath.Glob("/proc/self/fd/*")
		k.open = slices.ContainsFunc(files, func(file string) bool {
			at, _ := os.Readlink(file)
			return at == name
		})
	}
	return k.OS.Remove(name)
}

// A lock is open until it is removed: so no other one gets its inode, and is taken for it.
func TestReleaseOfOwnLock(t *testing.T) {
	k := &keeping{}
	s, _ := inHome(t, func(o *Options) { o.FS = k })
	lock, err := s.lockUIDList(t.Context(), inbox(t, s), ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	lock.release()
	if !k.open {
		t.Error("it was removed after it was closed")
	}
}

func TestLockExcludes(t *testing.T) {
	p := newPatience()
	s, _ := inHome(t, func(o *Options) { o.FS = p })
	f := inbox(t, s)
	first, err := s.lockUIDList(context.Background(), f, ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := mustRead(t, first.path), fmt.Sprintf("%d:%s", os.Getpid(), host); got != want {
		t.Errorf("lock holds %q, want %q", got, want)
	}
	got := make(chan error)
	go func() {
		second, err := s.lockUIDList(context.Background(), f, ownerOnly)
		if err == nil {
			second.release()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("second lock while the first is held: %v", err)
	case <-p.waited:
	}
	first.release()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(first.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("lock left: %v", err)
	}
}

func TestLockTimeouts(t *testing.T) {
	s, _ := inHome(t, func(o *Options) { o.LockTimeout = 20 * time.Millisecond })
	f := inbox(t, s)
	held, err := s.lockUIDList(context.Background(), f, ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer held.release()
	if _, err := s.lockUIDList(context.Background(), f, ownerOnly); mailerr.Of(err) == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), "held by another process") {
		t.Errorf("waiting too long: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.lockUIDList(ctx, f, ownerOnly); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestVoidLocks(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, content string
		stale, empty  time.Duration
		taken         bool
	}{
		{"holder has ended", fmt.Sprintf("%d:%s", dead.ProcessState.Pid(), host), time.Hour, time.Hour, true},
		{"holder lives", fmt.Sprintf("%d:%s", os.Getppid(), host), time.Hour, time.Hour, false},
		{"other host", fmt.Sprintf("%d:elsewhere", dead.ProcessState.Pid()), time.Hour, time.Hour, false},
		{"no content", "", time.Hour, time.Hour, false},
		{"no content for too long", "", time.Hour, 10 * time.Millisecond, true},
		{"some content", fmt.Sprintf("%d:%s", os.Getppid(), host), time.Hour, 10 * time.Millisecond, false},
		{"not a pid", "x:" + host, time.Hour, time.Hour, false},
		{"unchanged for too long", fmt.Sprintf("%d:%s", os.Getppid(), host), 10 * time.Millisecond, time.Hour, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := inHome(t, func(o *Options) {
				if !tt.taken {
					o.LockTimeout = 100 * time.Millisecond
				}
			})
			f := inbox(t, s)
			target := f.control + "/" + uidlistFile
			mustWrite(t, target+lockSuffix, tt.content)
			lock, err := s.lock(context.Background(), target, ownerOnly, staleness{tt.stale, tt.empty})
			if (err == nil) != tt.taken {
				t.Fatalf("lock: %v, want it taken: %v", err, tt.taken)
			}
			if err == nil {
				lock.release()
			}
		})
	}
}

// Who lost the lock must not write.
func TestLockLost(t *testing.T) {
	s, _ := inHome(t, nil)
	f := inbox(t, s)
	lock, err := s.lockUIDList(context.Background(), f, ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(lock.path, lock.path+".old"); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, lock.path, "1:other")
	path := f.control + "/" + keywordsFile
	if err := s.replaceFile(path, "0 x\n", ownerOnly, time.Time{}, lock); !errors.Is(err, errLockLost) {
		t.Errorf("writing without the lock: %v", err)
	}
	for _, p := range []string{path, path + ".tmp"} {
		if _, err := os.Stat(p); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", p, err)
		}
	}
	lock.release()
	if got := mustRead(t, lock.path); got != "1:other" {
		t.Errorf("the other's lock holds %q", got)
	}
}

// A long held lock shows that its holder lives.
func TestLockIsTouched(t *testing.T) {
	s, _ := inHome(t, nil)
	lock, err := s.lockUIDList(context.Background(), inbox(t, s), ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(lock.path, old, old); err != nil {
		t.Fatal(err)
	}
	lock.since = old
	if err := lock.check(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(lock.path)
	if err != nil || time.Since(info.ModTime()) > 30*time.Second {
		t.Errorf("modified at %v, %v", info.ModTime(), err)
	}
}
