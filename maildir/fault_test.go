package maildir_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/maildir"
)

// scenarios are deliveries that touch every file a delivery can touch.
var scenarios = map[string][]mailstore.Delivery{
	"first mail":  {{Mailbox: "INBOX"}},
	"new folder":  {{Mailbox: "a/b", Create: true, Subscribe: true}},
	"new keyword": {{Mailbox: "INBOX", Flags: []string{`\Seen`, "Junk", "other"}}},
	"everything": {
		{Mailbox: "a", Create: true, Subscribe: true, Flags: []string{"Junk"}},
		{Mailbox: "INBOX", Flags: []string{`\Flagged`}},
		{Mailbox: "a", Create: true},
	},
}

// Whichever call fails: a delivery that says success has the whole message once in
// each mailbox, and one that fails has it in none and leaves nothing in tmp.
func TestFaults(t *testing.T) {
	for name, deliveries := range scenarios {
		for _, location := range []string{"maildir++", "fs of the site", "fs dirname"} {
			for _, sticky := range []bool{false, true} {
				if sticky && location != "maildir++" {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, sticky %v", name, location, sticky), func(t *testing.T) {
					t.Parallel()
					succeeded := 0
					for n := 1; ; n++ {
						faulty := &fsxtest.Faulty{FS: noSync{}, FailAt: n, Sticky: sticky, Err: syscall.EIO}
						if tryFault(t, layouts[location], deliveries, faulty) {
							succeeded++
						}
						if faulty.Calls() < n {
							break
						}
					}
					if succeeded == 0 {
						t.Error("never succeeded")
					}
				})
			}
		}
	}
}

// noSync is a file system without durability, for speed: the calls stay.
type noSync struct{ fsx.OS }

type noSyncFile struct{ fsx.File }

func (noSyncFile) Sync() error { return nil }

func (n noSync) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := n.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}

func tryFault(t *testing.T, location string, deliveries []mailstore.Delivery, faulty *fsxtest.Faulty) bool {
	t.Helper()
	home := t.TempDir()
	options := func(o *maildir.Options) {
		o.Home, o.Quota = home, quota(t, "", "*:storage=1M")
		o.Warn = nil
	}
	clean := reopen(t, location, options)
	s := reopen(t, location, func(opts *maildir.Options) { options(opts); opts.FS = faulty })
	lines := 100
	if len(deliveries) == 1 {
		lines = 30000 // more than one write
	}
	m := message.Parse([]byte("Subject: x\n\n" + strings.Repeat("line\n", lines)))

	err := deliverAll(s, m, deliveries)
	n := map[string]int{}
	for _, d := range deliveries {
		n[d.Mailbox]++
	}
	for mailbox, want := range n {
		if err != nil {
			want = 0
		}
		entries := storetest.Entries(t, clean, mailbox)
		if faulty.Sticky && err != nil {
			// Nothing can be taken back on a disk that fails for good: whole it must be.
			want = min(len(entries), n[mailbox])
		}
		if len(entries) != want {
			t.Errorf("call %d: %d messages in %s, want %d (error: %v)", faulty.FailAt, len(entries), mailbox, want, err)
		}
		for _, e := range entries {
			if text, err := readFile(e); err != nil || int64(len(text)) != m.Size() {
				t.Errorf("call %d: %s has %d bytes, %v", faulty.FailAt, e.Path, len(text), err)
			}
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
	return err == nil
}

// deliverAll does what a transaction does: all or nothing.
func deliverAll(s *maildir.Store, m *message.Message, deliveries []mailstore.Delivery) (err error) {
	ctx, flusher := context.Background(), fsx.NewFlusher(0)
	var pendings []mailstore.Pending
	defer func() {
		for _, p := range pendings {
			if err != nil {
				_ = p.Abort() // as far as possible
			}
			_ = p.Close()
		}
	}()
	for _, d := range deliveries {
		if len(pendings) > 0 {
			d.Share = pendings[0]
		}
		p, err := s.Prepare(ctx, m, d)
		if err != nil {
			return err
		}
		pendings = append(pendings, p)
		if err := flusher.Flush(ctx, p.Unsynced()); err != nil {
			return err
		}
	}
	for _, p := range pendings {
		if err := p.Publish(); err != nil {
			return err
		}
	}
	for _, p := range pendings {
		if err := flusher.Flush(ctx, p.Unsynced()); err != nil {
			return err
		}
	}
	return nil
}

// reopen makes a store that nothing is checked of at the end.
func reopen(t *testing.T, location string, change func(*maildir.Options)) *maildir.Store {
	t.Helper()
	loc, err := maildir.ParseLocation(location)
	if err != nil {
		t.Fatal(err)
	}
	o := maildir.Options{Location: loc, Separator: "/", User: "user@example.org"}
	change(&o)
	s, err := maildir.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A reader that gives fewer bytes than the message should have is no success: S=
// would lie.
func TestShortMessage(t *testing.T) {
	spool := message.NewSpool(t.TempDir(), 10)
	for _, text := range []string{"A: b\n\n", strings.Repeat("x", 100)} {
		if _, err := spool.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := spool.Message()
	if err != nil {
		t.Fatal(err)
	}
	if err := spool.Close(); err != nil { // the body is gone
		t.Fatal(err)
	}
	s := open(t, "maildir:~/Maildir", nil)
	if _, err := s.Prepare(context.Background(), m, mailstore.Delivery{Mailbox: "INBOX"}); err == nil {
		t.Error("a message whose body cannot be read was prepared")
	}
}

// A link in the place of a file or a directory is not followed for writing.
func TestLinksAreNotFollowed(t *testing.T) {
	home := t.TempDir()
	s := open(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home, o.Warn = home, nil })
	m := message.Parse([]byte("A: b\n\n"))
	storetest.Deliver(t, s, m, mailstore.Delivery{Mailbox: "INBOX", Flags: []string{"one"}})
	victim := home + "/victim"
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The temporary file and the lock of dovecot-keywords.
	if err := os.Symlink(victim, home+"/Maildir/dovecot-keywords.tmp"); err != nil {
		t.Fatal(err)
	}
	storetest.Deliver(t, s, m, mailstore.Delivery{Mailbox: "INBOX", Flags: []string{"two"}})
	if err := os.Symlink(victim, home+"/Maildir/maildirsize"); err != nil {
		t.Fatal(err)
	}
	q := open(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home, o.Quota = home, quota(t, "", "*:bytes=100k") })
	storetest.Deliver(t, q, m, mailstore.Delivery{Mailbox: "INBOX"})
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Errorf("the file behind the link has %q, %v", text, err)
	}
	if n := len(storetest.Entries(t, s, "INBOX")); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}
