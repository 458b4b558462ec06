package maildir_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/maildir"
)

var longAgo = time.Date(2025, 3, 9, 8, 7, 6, 0, time.UTC)

// chosen are all messages of a mailbox.
func chosen(t *testing.T, s *maildir.Store, mailbox string) []maildir.Removal {
	t.Helper()
	scan, err := s.Scan(context.Background(), mailbox)
	if err != nil {
		t.Fatal(err)
	}
	var all []maildir.Removal
	for f := range scan.Messages() {
		size, _ := f.Size()
		all = append(all, maildir.Removal{Path: f.Path(), Size: size})
	}
	return all
}

// move moves what was chosen, and gives how many went.
func move(t *testing.T, s *maildir.Store, from string, all []maildir.Removal, to string) int {
	t.Helper()
	n := 0
	target := maildir.Target{Mailbox: to, Create: true, Subscribe: true}
	if err := s.Move(context.Background(), from, all, target, func(int) { n++ }); err != nil {
		t.Fatal(err)
	}
	return n
}

// put stores a message of a subject.
func put(t *testing.T, s *maildir.Store, mailbox, subject string, flags ...string) {
	t.Helper()
	storetest.Deliver(t, s, message.Parse([]byte("Subject: "+subject+"\n\ntext\n")),
		mailstore.Delivery{Mailbox: mailbox, Create: true, Received: longAgo, Flags: flags})
}

// contents are the messages of a mailbox as text, each with its flags.
func contents(t *testing.T, s *maildir.Store, mailbox string) []string {
	t.Helper()
	if ok, err := s.Exists(context.Background(), mailbox); !ok || err != nil {
		return nil
	}
	var all []string
	for _, e := range storetest.Entries(t, s, mailbox) {
		text, err := readFile(e)
		if err != nil || !e.Received.Equal(longAgo) || e.Size != int64(len(text)) {
			t.Errorf("%s: %d bytes, received %v, %v", e.Path, len(text), e.Received, err)
		}
		all = append(all, fmt.Sprintf("%s %s", strings.TrimPrefix(strings.SplitN(text, "\n", 2)[0], "Subject: "), lower(e.Flags)))
	}
	slices.Sort(all)
	return all
}

func wantContents(t *testing.T, s *maildir.Store, mailbox string, want ...string) {
	t.Helper()
	if got := contents(t, s, mailbox); !slices.Equal(got, want) {
		t.Errorf("%s has %q, want %q", mailbox, got, want)
	}
}

func TestMove(t *testing.T) {
	for name, location := range layouts {
		for _, kind := range []string{"rename", "copy"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				s := open(t, location, nil)
				put(t, s, "Old", "there", "Work", "Junk") // other letters for the keywords
				put(t, s, "INBOX", "a")
				put(t, s, "INBOX", "b", `\Seen`, `\Flagged`)
				put(t, s, "INBOX", "c", "Junk", "Private", `\Answered`)
				put(t, s, "INBOX", "stays")
				if kind == "copy" {
					otherMode(t, s, "Old")
				}
				all := chosen(t, s, "INBOX")
				if n := move(t, s, "INBOX", all[:3], "Old"); n != 3 {
					t.Errorf("%d were moved", n)
				}
				wantContents(t, s, "Old", "a []", `b [\flagged \seen]`, `c [\answered junk private]`, "there [junk work]")
				wantContents(t, s, "INBOX", "stays []")
				if n := move(t, s, "INBOX", all[3:], "New/below"); n != 1 {
					t.Errorf("%d were moved", n)
				}
				wantContents(t, s, "New/below", "stays []")
				if subscribed, err := s.Subscribed(); err != nil || !slices.Equal(subscribed, []string{"New/below"}) {
					t.Errorf("subscribed to %q, %v", subscribed, err)
				}
			})
		}
	}
}

// otherMode gives a mailbox's directories another mode, so that its files have one, too.
func otherMode(t *testing.T, s *maildir.Store, mailbox string) {
	t.Helper()
	dir := filepath.Dir(filepath.Dir(storetest.Entries(t, s, mailbox)[0].Path))
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
}

// What was changed since it was chosen stays, and so does what its check keeps.
func TestMoveChanged(t *testing.T) {
	s := open(t, "maildir:~/Maildir", nil)
	for _, subject := range []string{"flagged", "gone", "kept", "moved"} {
		put(t, s, "INBOX", subject, `\Seen`)
	}
	all := chosen(t, s, "INBOX")
	if err := os.Rename(all[0].Path, all[0].Path+"T"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(all[1].Path); err != nil {
		t.Fatal(err)
	}
	all[2].Check = func() (bool, error) { return false, nil }
	if n := move(t, s, "INBOX", all, "Old"); n != 1 {
		t.Errorf("%d were moved", n)
	}
	wantContents(t, s, "INBOX", `flagged [\deleted \seen]`, `kept [\seen]`)
	wantContents(t, s, "Old", `moved [\seen]`)
}

// A name that the target has, or has had, is not given to another message.
func TestMoveNameTaken(t *testing.T) {
	s := open(t, "maildir:~/Maildir", nil)
	for _, subject := range []string{"a", "b", "c"} {
		put(t, s, "INBOX", subject)
	}
	put(t, s, "Old", "o")
	all := chosen(t, s, "INBOX")
	old := filepath.Dir(filepath.Dir(storetest.Entries(t, s, "Old")[0].Path))
	taken, had := filepath.Base(all[0].Path), filepath.Base(all[1].Path)
	there := storetest.Entries(t, s, "Old")[0].Path
	if err := os.Rename(there, old+"/cur/"+taken+":2,S"); err != nil {
		t.Fatal(err)
	}
	list := "3 V1763712000 N9 G0123456789abcdef0123456789abcdef\n1 :" + taken + "\n8 :" + had + "\n"
	if err := os.WriteFile(old+"/dovecot-uidlist", []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := move(t, s, "INBOX", all, "Old"); n != 3 {
		t.Errorf("%d were moved", n)
	}
	names := map[string]string{}
	for _, e := range storetest.Entries(t, s, "Old") {
		text, err := readFile(e)
		if err != nil {
			t.Fatal(err)
		}
		names[text[len("Subject: "):strings.Index(text, "\n")]] = e.GUID
	}
	if len(names) != 4 || names["o"] != taken || names["a"] == taken || names["b"] == had || names["c"] != filepath.Base(all[2].Path) {
		t.Errorf("%q", names)
	}
	if sizes := ",S=17,W=20"; !strings.HasSuffix(names["a"], sizes) {
		t.Errorf("%s has lost %s", names["a"], sizes)
	}
}

// Two messages of one name, as a broken copy makes them, get two names.
func TestMoveTwins(t *testing.T) {
	s := reopen(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home = t.TempDir() })
	put(t, s, "INBOX", "a", `\Seen`)
	all := chosen(t, s, "INBOX")
	twin := maildir.Removal{Path: all[0].Path + "T", Size: all[0].Size}
	if err := os.Link(all[0].Path, twin.Path); err != nil {
		t.Fatal(err)
	}
	if n := move(t, s, "INBOX", append(all, twin), "Old"); n != 2 {
		t.Errorf("%d were moved", n)
	}
	wantContents(t, s, "Old", `a [\deleted \seen]`, `a [\seen]`)
	mustCheck(t, s)
}

func TestMoveErrors(t *testing.T) {
	s := open(t, "maildir:~/Maildir", nil)
	put(t, s, "INBOX", "a")
	all := chosen(t, s, "INBOX")
	if err := os.Symlink(all[0].Path, filepath.Dir(all[0].Path)+"/link"); err != nil {
		t.Fatal(err)
	}
	link := []maildir.Removal{{Path: filepath.Dir(all[0].Path) + "/link"}}
	for _, c := range []struct {
		name, from string
		all        []maildir.Removal
		to         maildir.Target
		want       error
	}{
		{"no source", "None", all, maildir.Target{Mailbox: "Old", Create: true}, mailstore.ErrNoMailbox},
		{"no target", "INBOX", all, maildir.Target{Mailbox: "Old"}, mailstore.ErrNoMailbox},
		{"itself", "INBOX", all, maildir.Target{Mailbox: "inbox"}, nil},
		{"bad name", "INBOX", all, maildir.Target{Mailbox: "../x", Create: true}, mailstore.ErrBadName},
		{"not of the mailbox", "INBOX", []maildir.Removal{{Path: "/etc/passwd"}}, maildir.Target{Mailbox: "Old", Create: true}, nil},
		{"not a file", "INBOX", link, maildir.Target{Mailbox: "Old", Create: true}, nil},
	} {
		err := s.Move(context.Background(), c.from, c.all, c.to, func(int) { t.Errorf("%s: something was moved", c.name) })
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := s.Move(context.Background(), "INBOX", nil, maildir.Target{Mailbox: "Empty", Create: true}, nil); err != nil {
		t.Error(err)
	}
	if ok, err := s.Exists(context.Background(), "Empty"); ok || err != nil {
		t.Errorf("a mailbox was made for nothing: %v", err)
	}
	if err := os.Remove(link[0].Path); err != nil {
		t.Fatal(err)
	}
	wantContents(t, s, "INBOX", "a []")
}

// maildirsize has the right sum after a move, also where the quota is not for one of the
// two mailboxes, and a full mailbox takes in nothing.
func TestMoveQuota(t *testing.T) {
	home := t.TempDir()
	s := open(t, "maildir:~/Maildir", func(o *maildir.Options) {
		o.Home, o.Quota = home, quota(t, "0", "*:messages=3", "Junk:ignore")
	})
	for _, mailbox := range []string{"Junk", "Junk", "INBOX", "INBOX"} {
		put(t, s, mailbox, "x")
	}
	sum := func(want string) {
		t.Helper()
		text, err := os.ReadFile(home + "/Maildir/maildirsize")
		if err != nil {
			t.Fatal(err)
		}
		var bytes, count int
		for line := range strings.Lines(strings.SplitN(string(text), "\n", 2)[1]) {
			var b, c int
			if _, err := fmt.Sscan(line, &b, &c); err != nil {
				t.Fatal(err)
			}
			bytes, count = bytes+b, count+c
		}
		if got := fmt.Sprint(bytes, " ", count); got != want {
			t.Errorf("maildirsize has %s, want %s: %q", got, want, text)
		}
	}
	sum("34 2")
	move(t, s, "INBOX", chosen(t, s, "INBOX")[:1], "Old")
	sum("34 2")
	move(t, s, "INBOX", chosen(t, s, "INBOX"), "Junk")
	sum("17 1")
	done := 0
	err := s.Move(context.Background(), "Junk", chosen(t, s, "Junk"), maildir.Target{Mailbox: "Old"}, func(int) { done++ })
	var full *mailerr.Error
	if !errors.As(err, &full) || done != 2 {
		t.Errorf("%d were moved into a mailbox with place for two: %v", done, err)
	}
	sum("51 3")
	s = open(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home = home }) // no quota is known here
	move(t, s, "Old", chosen(t, s, "Old")[:1], "INBOX")
	sum("51 3")
}
