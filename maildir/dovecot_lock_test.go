package maildir

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// maildirlock is Dovecot's own program to take the lock of a folder.
const maildirlock = "/usr/lib/dovecot/maildirlock"

// dovecotLocks runs it and gives the process that holds the lock then.
func dovecotLocks(dir, timeout string) (holder string, err error) {
	out, err := exec.Command(maildirlock, dir, timeout).Output()
	return strings.TrimSpace(string(out)), err
}

func release(t *testing.T, holder string) {
	t.Helper()
	if err := exec.Command("kill", "-TERM", holder).Run(); err != nil {
		t.Fatal(err)
	}
}

// Dovecot's lock holds us off where a lock is needed, and only there.
func TestDovecotsLock(t *testing.T) {
	peer.Need(t, peer.Dovecot23)
	s, home := inHome(t, nil)
	put(t, s, "INBOX", "first")
	holder, err := dovecotLocks(home+"/Maildir", "5")
	if err != nil {
		t.Fatalf("maildirlock: %v", err)
	}
	put(t, s, "INBOX", "first")
	done := make(chan error)
	go func() {
		f, err := s.folder("INBOX")
		if err == nil {
			_, err = s.addKeywords(context.Background(), f, ownerOnly, []string{"second"})
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("written while Dovecot has the lock: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	release(t, holder)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Our lock holds Dovecot off as long as we live.
func TestOurLockHoldsDovecotOff(t *testing.T) {
	peer.Need(t, peer.Dovecot23)
	s, _ := inHome(t, nil)
	f := inbox(t, s)
	lock, err := s.lockUIDList(context.Background(), f, ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	if holder, err := dovecotLocks(f.dir, "1"); err == nil {
		release(t, holder)
		t.Error("Dovecot took the lock from us")
	}
	lock.release()
	holder, err := dovecotLocks(f.dir, "5")
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	release(t, holder)
}
