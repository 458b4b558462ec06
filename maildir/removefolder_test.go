package maildir_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

// empty makes mailboxes that have held a message and are subscribed to.
func empty(t *testing.T, s *maildir.Store, names ...string) {
	t.Helper()
	for _, name := range names {
		storetest.Deliver(t, s, message.Parse([]byte("A: b\n\n")), mailstore.Delivery{Mailbox: name, Create: true, Subscribe: true, Flags: []string{"key"}})
		storetest.Edit(t, s, name, func(e mailstore.Editor) error {
			return e.Expunge(storetest.Entries(t, s, name)[0])
		})
	}
}

func kept(t *testing.T, s *maildir.Store, name, why string) {
	t.Helper()
	err := s.RemoveFolder(t.Context(), name)
	if !errors.Is(err, maildir.ErrKept) || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: %v, want one that tells of %q", name, err, why)
	}
	if ok, err := s.Exists(t.Context(), name); !ok || err != nil {
		t.Errorf("%s is there: %v, %v", name, ok, err)
	}
	if names, err := s.Subscribed(); err != nil || !slices.Contains(names, name) {
		t.Errorf("%s is subscribed to no more: %q, %v", name, names, err)
	}
}

// An empty folder goes whole, with its subscription, and nothing else does.
func TestRemoveFolder(t *testing.T) {
	for name, location := range layouts {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			s := open(t, location, func(o *maildir.Options) { o.Home = home })
			empty(t, s, "a", "a/kid", "ab", "mail", "x/y/z", "busy", "odd")
			storetest.Deliver(t, s, message.Parse([]byte("A: b\n\n")), mailstore.Delivery{Mailbox: "mail"})
			dir := map[string]string{}
			for _, box := range []string{"busy", "odd"} {
				found, err := filepath.Glob(home + "/*Maildir/" + map[bool]string{true: "boxes/"}[name == "fs all"] + "*" + box + "*")
				if err != nil || len(found) != 1 {
					t.Fatal(found, err)
				}
				dir[box] = found[0]
				if strings.Contains(location, "DIRNAME") {
					parts, _ := filepath.Glob(found[0] + "/*md")
					dir[box] = parts[0]
				}
			}
			for _, file := range []string{dir["busy"] + "/tmp/1.M1P1.h", dir["odd"] + "/notes"} {
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			kept(t, s, "mail", "mail")
			kept(t, s, "busy", "delivery")
			kept(t, s, "odd", "notes")
			kept(t, s, "a", "")
			if err := os.Rename(dir["odd"], home+"/elsewhere"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(home+"/elsewhere", dir["odd"]); err != nil {
				t.Fatal(err)
			}
			kept(t, s, "odd", "symbolic link")
			if err := s.RemoveFolder(t.Context(), "inbox"); !errors.Is(err, maildir.ErrInbox) {
				t.Errorf("INBOX: %v", err)
			}
			if err := s.RemoveFolder(t.Context(), "none"); !errors.Is(err, mailstore.ErrNoMailbox) {
				t.Errorf("no mailbox: %v", err)
			}
			for _, name := range []string{"a/kid", "a", "x/y/z"} {
				if err := s.RemoveFolder(t.Context(), name); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			left, err := s.Mailboxes(t.Context())
			if want := []string{"INBOX", "ab", "busy", "mail", "odd"}; err != nil || !slices.Equal(left, want) {
				t.Errorf("left: %q, %v", left, err)
			}
			if names, err := s.Subscribed(); err != nil || !slices.Equal(names, []string{"ab", "mail", "busy", "odd"}) {
				t.Errorf("subscribed: %q, %v", names, err)
			}
			var traces []string
			err = filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
				if base := strings.Trim(filepath.Base(path), "."); base == "a" || base == "a.kid" || strings.HasPrefix(base, "x") {
					traces = append(traces, path)
				}
				return err
			})
			if err != nil || len(traces) > 0 {
				t.Errorf("left on disk: %q, %v", traces, err)
			}
			if err := os.Remove(dir["busy"] + "/tmp/1.M1P1.h"); err != nil { // Check would tell
				t.Fatal(err)
			}
		})
	}
}

// Whichever call fails, the folder is gone, or there and whole, so that mail comes in.
func TestRemoveFolderFaults(t *testing.T) {
	for _, location := range []string{"maildir++", "fs", "fs dirname"} {
		t.Run(location, func(t *testing.T) {
			for n := 1; ; n++ {
				home := t.TempDir()
				clean := open(t, layouts[location], func(o *maildir.Options) { o.Home = home })
				empty(t, clean, "a/b")
				faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n, Err: syscall.EIO}
				s := reopen(t, layouts[location], func(o *maildir.Options) { o.Home, o.FS = home, faulty })
				err := s.RemoveFolder(t.Context(), "a/b")
				there, existsErr := clean.Exists(t.Context(), "a/b")
				if existsErr != nil || err == nil && there {
					t.Errorf("call %d: there %v, %v, %v", n, there, err, existsErr)
				}
				if there {
					storetest.Deliver(t, clean, message.Parse([]byte("A: b\n\n")), mailstore.Delivery{Mailbox: "a/b"})
				}
				if faulty.Calls() < n {
					break
				}
			}
		})
	}
}

// While folders are removed, what is delivered into them stays.
func TestRemoveFolderRace(t *testing.T) {
	for _, name := range []string{"maildir++ utf-8", "fs of the site", "fs dirname"} {
		location := layouts[name]
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			change := func(o *maildir.Options) { o.Home, o.FS = home, noSync{} }
			s := open(t, location, change)
			empty(t, s, "a/b")
			found, removed := 0, atomic.Int32{}
			take := func() {
				err := s.Edit(t.Context(), "a/b", func(ed mailstore.Editor) error {
					for e, err := range s.Entries(t.Context(), "a/b") {
						if err = errors.Join(err, ed.Expunge(e)); err != nil {
							return err
						}
						found++
					}
					return nil
				})
				if err != nil && !errors.Is(err, mailstore.ErrNoMailbox) {
					t.Log(err) // the lock's folder may be gone
				}
			}
			done := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				defer take()
				for {
					select {
					case <-done:
						return
					default:
					}
					take()
					if s.RemoveFolder(t.Context(), "a/b") == nil {
						removed.Add(1)
					}
				}
			})
			m := message.Parse([]byte("A: b\n\nbody\n"))
			delivered := 0
			for tries := 0; removed.Load() < 10 && tries < 10_000; tries++ {
				time.Sleep(rand.N(time.Millisecond)) // so that the folder is not in use all the time
				if deliverAll(s, m, []mailstore.Delivery{{Mailbox: "a/b", Create: true}}) == nil {
					delivered++ // else the sender tries again
				}
			}
			close(done)
			wg.Wait()
			if found != delivered || removed.Load() < 10 {
				t.Errorf("%d of %d messages are there; the folder was removed %d times", found, delivered, removed.Load())
			}
		})
	}
}

// Dovecot shows that a folder is gone, to clients that have it open as well, and takes
// mail for a new one of that name.
func TestDovecotRemovedFolder(t *testing.T) {
	withDovecot(t, func(t *testing.T, d *setup) {
		s := beside(t, d, nil)
		c, other := peer.IMAP(t, d.IMAPAddr, user), peer.IMAP(t, d.IMAPAddr, user)
		box := d.inNamespace("x/Entwürfe")
		for round := range 3 {
			if err := c.Create(box, nil).Wait(); err != nil {
				t.Fatal(err)
			}
			if err := c.Subscribe(box).Wait(); err != nil {
				t.Fatal(err)
			}
			appendMail(t, c, box, "Subject: x\r\n\r\nbody\r\n", nil)
			if _, err := other.Select(box, nil).Wait(); err != nil {
				t.Fatal(err)
			}
			asUser(t, d, func() error {
				if err := s.RemoveFolder(t.Context(), box); !errors.Is(err, maildir.ErrKept) {
					t.Errorf("with mail: %v", err)
				}
				storetest.Edit(t, s, box, func(e mailstore.Editor) error { return e.Expunge(storetest.Entries(t, s, box)[0]) })
				return s.RemoveFolder(t.Context(), box)
			})
			for _, list := range [][]string{{"mailbox", "list", "-u", user}, {"mailbox", "list", "-s", "-u", user}} {
				if text := d.Doveadm(list...); strings.Contains(text, "Entw") || !strings.Contains(text, "INBOX") && len(list) == 4 {
					t.Errorf("round %d: %q shows %q", round, list, text)
				}
			}
			_ = other.Noop().Wait() // it may be told that the mailbox is gone, and be put out
			if _, err := other.Status("INBOX", &imap.StatusOptions{NumMessages: true}).Wait(); err != nil {
				other = peer.IMAP(t, d.IMAPAddr, user)
			}
		}
		asUser(t, d, func() error {
			storetest.Deliver(t, s, message.Parse([]byte("A: b\n\n")), mailstore.Delivery{Mailbox: box, Create: true})
			return nil
		})
		if got := fetch(t, c, box); len(got) != 1 || got[0].uid != 1 {
			t.Errorf("in the new folder: %v", got)
		}
		if out := d.Log(); strings.Contains(out, "Error") {
			t.Errorf("Dovecot's log:\n%s", out)
		}
	})
}
