package maildir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/fsx"
	"dovetail/internal/peer"
)

// Dovecot's lock holds us off where a lock is needed, and only there.
func TestDovecotsLock(t *testing.T) {
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1)})
	p := newPatience()
	s, err := Open(Options{Location: Location{Root: "~/Maildir"}, Home: d.Home("user1"), LockTimeout: 2 * time.Minute, FS: p})
	if err != nil {
		t.Fatal(err)
	}
	asUser := func(f func() error) error { return fsx.Credentials{UID: peer.MailUID, GID: peer.MailUID}.Do(f) }
	store := func() error { put(t, s, "INBOX", "first"); return nil }
	if err := asUser(store); err != nil {
		t.Fatal(err)
	}
	goOn := stopLocked(t, peer.IMAP(t, d.IMAPAddr, "user1"), d.Home("user1")+"/Maildir/dovecot-uidlist.lock")
	if err := asUser(store); err != nil {
		t.Fatal(err)
	}
	p.looks.Store(0)
	done := make(chan error)
	go func() {
		done <- asUser(func() error {
			f, err := s.folder("INBOX")
			if err == nil {
				_, err = s.addKeywords(context.Background(), f, ownerOnly, []string{"second"})
			}
			return err
		})
	}()
	select {
	case err := <-done:
		t.Errorf("written while Dovecot has the lock: %v", err)
		goOn()
		return
	case <-p.waited:
	}
	goOn()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// stopLocked stops Dovecot's process for a client while it has a lock. It gives what lets
// it go on.
func stopLocked(t *testing.T, c *imapclient.Client, lock string) (goOn func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	appended := make(chan error)
	go func() {
		var err error
		for ctx.Err() == nil && err == nil {
			cmd := c.Append("INBOX", 6, nil)
			_, err = cmd.Write([]byte("A: b\n\n"))
			err = errors.Join(err, cmd.Close())
			if err == nil {
				_, err = cmd.Wait()
			}
		}
		appended <- err
	}()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		content, _ := os.ReadFile(lock) // mostly there is none
		number, _, _ := strings.Cut(string(content), ":")
		pid, err := strconv.Atoi(number)
		if err != nil || syscall.Kill(pid, syscall.SIGSTOP) != nil {
			continue
		}
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // nobody could end it
		for !strings.Contains(mustRead(t, fmt.Sprintf("/proc/%d/stat", pid)), ") T ") && time.Now().Before(end) {
			// It may still give the lock back.
		}
		if again, _ := os.ReadFile(lock); string(again) != string(content) {
			_ = syscall.Kill(pid, syscall.SIGCONT)
			continue
		}
		return func() {
			cancel()
			if err := errors.Join(syscall.Kill(pid, syscall.SIGCONT), <-appended); err != nil {
				t.Error(err)
			}
		}
	}
	t.Fatal("Dovecot was never seen with the lock")
	return nil
}

// maildirlock is Dovecot's own program to take the lock of a folder.
const maildirlock = "/usr/lib/dovecot/maildirlock"

// Our lock holds Dovecot off as long as we live.
func TestOurLockHoldsDovecotOff(t *testing.T) {
	peer.Need(t, peer.Dovecot23)
	s, _ := inHome(t, nil)
	f := inbox(t, s)
	lock, err := s.lockUIDList(context.Background(), f, ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(maildirlock, f.dir, "1").Run(); err == nil {
		t.Error("Dovecot took the lock from us")
	}
	lock.release()
	// QUIRK: that of 2.3.19 does not keep the lock: with nothing to wait for it crashes.
	if err := exec.Command(maildirlock, f.dir, "5").Run(); err != nil {
		t.Errorf("after the release: %v", err)
	}
}
