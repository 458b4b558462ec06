package maildir_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

// Whichever call fails: each message is in one of the two mailboxes, whole, with its
// flags; and what done was told of is in the other one.
func TestMoveFaults(t *testing.T) {
	for _, kind := range []string{"rename", "copy", "rename, sticky", "copy, sticky"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			moved := 0
			for n := 1; ; n++ {
				faulty := &fsxtest.Faulty{FS: noSync{}, FailAt: n, Sticky: strings.HasSuffix(kind, "sticky"), Err: syscall.EIO}
				moved += tryMoveFault(t, strings.HasPrefix(kind, "copy"), faulty)
				if faulty.Calls() < n || t.Failed() {
					break
				}
			}
			if moved == 0 {
				t.Error("nothing was ever moved")
			}
		})
	}
}

func tryMoveFault(t *testing.T, copied bool, faulty *fsxtest.Faulty) (moved int) {
	t.Helper()
	home := t.TempDir()
	options := func(o *maildir.Options) {
		o.Home, o.Quota, o.Warn, o.FS = home, quota(t, "", "*:storage=1M", "Old:ignore"), nil, noSync{}
	}
	clean := reopen(t, "maildir:~/Maildir", options)
	s := reopen(t, "maildir:~/Maildir", func(o *maildir.Options) { options(o); o.FS = faulty })
	put(t, clean, "INBOX", "a", "Junk")
	put(t, clean, "INBOX", "b", `\Seen`, "Work")
	put(t, clean, "INBOX", "c")
	if copied {
		put(t, clean, "Old", "d")
		otherMode(t, clean, "Old")
	}
	all := chosen(t, clean, "INBOX")
	var told []string
	err := s.Move(context.Background(), "INBOX", all, maildir.Target{Mailbox: "Old", Create: true, Subscribe: true}, func(i int) {
		told = append(told, []string{"a [junk]", `b [\seen work]`, "c []"}[i])
	})
	if (err == nil) != (len(told) == len(all)) {
		t.Errorf("call %d: %d messages were moved, with %v", faulty.FailAt, len(told), err)
	}
	old := contents(t, clean, "Old")
	both := append(contents(t, clean, "INBOX"), old...)
	if copied {
		both = slices.DeleteFunc(both, func(m string) bool { return m == "d []" })
	}
	slices.Sort(both)
	if faulty.Sticky && copied {
		both = slices.Compact(both) // a copy cannot be taken back on a disk that fails for good
	}
	if !slices.Equal(both, []string{"a [junk]", `b [\seen work]`, "c []"}) {
		t.Errorf("call %d: the mailboxes have %q, with %v", faulty.FailAt, both, err)
	}
	for _, m := range told {
		if !slices.Contains(old, m) {
			t.Errorf("call %d: %s was told to be moved", faulty.FailAt, m)
		}
	}
	if !faulty.Sticky {
		problems, err := maildir.Check(context.Background(), clean, maildir.CheckOptions{})
		for _, p := range problems {
			if !strings.HasSuffix(p.Text, "missing") { // a folder that was being made
				t.Errorf("call %d: %v", faulty.FailAt, p)
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	return len(told)
}

// noRemove is a file system whose process dies before it removes a message.
type noRemove struct{ fsx.OS }

func (n noRemove) Remove(name string) error {
	if strings.Contains(name, "/new/") || strings.Contains(name, "/cur/") {
		panic("killed")
	}
	return n.OS.Remove(name)
}

// Between two file systems a message is copied; one that a crash left in both is in the
// target once when it is moved again.
func TestMoveAcross(t *testing.T) {
	peer.Need(t, peer.Root)
	home := t.TempDir()
	if err := os.MkdirAll(home+"/Maildir/.Old", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("test", home+"/Maildir/.Old", "tmpfs", 0, "size=1M,mode=0700"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(home+"/Maildir/.Old", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	s := reopen(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home = home })
	put(t, s, "INBOX", "a", "Junk")
	put(t, s, "INBOX", "b")
	func() {
		defer func() { _ = recover() }()
		dying := reopen(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home, o.FS = home, noRemove{} })
		move(t, dying, "INBOX", chosen(t, s, "INBOX"), "Old")
		t.Error("it went on")
	}()
	wantContents(t, s, "INBOX", "a [junk]", "b []")
	wantContents(t, s, "Old", "a [junk]")
	if err := os.Remove(home + "/Maildir/dovecot-uidlist.lock"); err != nil { // as if its holder were dead
		t.Fatal(err)
	}
	if n := move(t, s, "INBOX", chosen(t, s, "INBOX"), "Old"); n != 2 {
		t.Errorf("%d were moved", n)
	}
	wantContents(t, s, "INBOX")
	wantContents(t, s, "Old", "a [junk]", "b []")
	mustCheck(t, s)
}
