package maildir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailstore"
)

// entryOf gives the one message of INBOX.
func entryOf(t *testing.T, s *Store) mailstore.Entry {
	t.Helper()
	var all []mailstore.Entry
	for e, err := range s.Entries(context.Background(), "INBOX") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if len(all) != 1 {
		t.Fatalf("%d messages, want 1", len(all))
	}
	return all[0]
}

// SetFlags gives the names that Dovecot would give, and keeps what it does not know.
func TestSetFlagsNames(t *testing.T) {
	const keywords = "0 Junk\n2 $Label\n"
	for _, c := range []struct {
		before string // below the folder
		flags  []string
		want   string
	}{
		{"new/1.M1P1.h,S=6,W=8", nil, "new/1.M1P1.h,S=6,W=8"},
		{"new/1.M1P1.h,S=6,W=8", []string{`\Seen`, `\flagged`}, "cur/1.M1P1.h,S=6,W=8:2,FS"},
		{"new/1.M1P1.h:2,S", []string{`\Seen`}, "cur/1.M1P1.h:2,S"},
		{"new/1.M1P1.h:2,S", nil, "cur/1.M1P1.h:2,"},
		{"cur/1.M1P1.h:2,S", nil, "cur/1.M1P1.h:2,"},
		{"cur/1.M1P1.h", nil, "cur/1.M1P1.h:2,"},
		{"cur/1.M1P1.h:2,RSa", []string{"junk", "$Label", `\Answered`}, "cur/1.M1P1.h:2,Rac"},
		{"cur/1.M1P1.h:2,PSXa", []string{"$Label"}, "cur/1.M1P1.h:2,PXc"},     // P and X are somebody's
		{"cur/1.M1P1.h:2,Sa,x=y", []string{`\Draft`}, "cur/1.M1P1.h:2,D,x=y"}, // so is what follows a comma
		{"cur/1.M1P1.h:2,S,x", nil, "cur/1.M1P1.h:2,,x"},
		{"cur/1.M1P1.h:2,df", []string{"unknown-3", "Junk"}, "cur/1.M1P1.h:2,ad"}, // a lost keyword stays when it is asked for
		{"cur/1.M1P1.h:2,S", []string{"Third", `\Recent`}, "cur/1.M1P1.h:2,b"},
	} {
		s, home := inHome(t, nil)
		root := home + "/Maildir"
		mustMakeDirs(t, root, "new", "cur", "tmp")
		mustWrite(t, root+"/dovecot-keywords", keywords)
		mustWrite(t, root+"/"+c.before, "A: b\n\n")
		e := entryOf(t, s)
		err := s.Edit(context.Background(), "INBOX", func(ed mailstore.Editor) error { return ed.SetFlags(e, c.flags) })
		if err != nil {
			t.Errorf("%s: %v", c.before, err)
		}
		if got := strings.TrimPrefix(entryOf(t, s).Path, root+"/"); got != c.want {
			t.Errorf("%s with %q: %s, want %s", c.before, c.flags, got, c.want)
		}
		if _, err := os.Lstat(root + "/dovecot-uidlist.lock"); !os.IsNotExist(err) {
			t.Errorf("%s: the lock stays: %v", c.before, err)
		}
	}
}

// What Dovecot renames meanwhile is found, and a lock that was lost stops us.
func TestEditBesideOthers(t *testing.T) {
	s, home := inHome(t, nil)
	put(t, s, "INBOX")
	e := entryOf(t, s)
	moved := home + "/Maildir/cur/" + filepath.Base(e.Path) + ":2,S"
	err := s.Edit(context.Background(), "INBOX", func(ed mailstore.Editor) error {
		if err := os.Rename(e.Path, moved); err != nil {
			return err
		}
		return ed.SetFlags(e, []string{`\Seen`, `\Flagged`})
	})
	if got := entryOf(t, s).Path; err != nil || !strings.HasSuffix(got, ":2,FS") {
		t.Errorf("%s, %v", got, err)
	}
	err = s.Edit(context.Background(), "INBOX", func(ed mailstore.Editor) error {
		mustWrite(t, home+"/Maildir/other", "1:elsewhere")
		if err := os.Rename(home+"/Maildir/other", home+"/Maildir/dovecot-uidlist.lock"); err != nil {
			return err
		}
		return ed.Expunge(e)
	})
	if !errors.Is(err, errLockLost) {
		t.Errorf("with a lost lock: %v", err)
	}
	entryOf(t, s)
	if _, err := os.Lstat(home + "/Maildir/dovecot-uidlist.lock"); err != nil {
		t.Errorf("somebody else's lock is gone: %v", err)
	}
}

// An expunge is taken off maildirsize.
func TestExpungeCounts(t *testing.T) {
	q, err := ParseQuota([]string{"*:storage=1M"}, "")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Quota = q })
	put(t, s, "INBOX")
	e := entryOf(t, s)
	if err := s.CheckQuota(context.Background(), "INBOX", 1); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds nothing to take off
		if err := s.Edit(context.Background(), "INBOX", func(ed mailstore.Editor) error { return ed.Expunge(e) }); err != nil {
			t.Fatal(err)
		}
	}
	_, sum, _, ok := parseMaildirsize(mustRead(t, home+"/Maildir/maildirsize"))
	if !ok || sum != (amount{}) {
		t.Errorf("%+v left, ok %v", sum, ok)
	}
}

func TestEditWaitsForTheLock(t *testing.T) {
	s, _ := inHome(t, func(o *Options) { o.LockTimeout = 50 * time.Millisecond })
	put(t, s, "INBOX")
	lock, err := s.lockUIDList(context.Background(), inbox(t, s), ownerOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	err = s.Edit(context.Background(), "INBOX", func(mailstore.Editor) error { t.Error("called without the lock"); return nil })
	if err == nil || !strings.Contains(err.Error(), "held by another process") {
		t.Errorf("error %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"link":       func(p string) error { return os.Symlink("/etc/passwd", p) },
		"directory":  func(p string) error { return os.Mkdir(p, 0o700) },
		"compressed": func(p string) error { return os.WriteFile(p, []byte("\x1f\x8b\x08\x00\x00\x00"), 0o600) },
	} {
		s, home := inHome(t, nil)
		mustMakeDirs(t, home+"/Maildir", "new", "cur", "tmp")
		e := mailstore.Entry{Mailbox: "INBOX", Path: home + "/Maildir/cur/1.M1P1.h:2,"}
		if err := make(e.Path); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Open(context.Background(), e); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
