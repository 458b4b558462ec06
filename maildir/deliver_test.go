package maildir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

var testMail = message.Parse([]byte("A: b\n\nbody\n\n"))

func prepare(t *testing.T, s *Store, mailbox string) mailstore.Pending {
	t.Helper()
	p, err := s.Prepare(context.Background(), message.Parse([]byte("A: b\n\nbody\n\n\n")), mailstore.Delivery{Mailbox: mailbox, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAbortFindsMovedMail(t *testing.T) {
	s, _ := inHome(t, nil)
	for _, gone := range []bool{false, true} {
		p := prepare(t, s, "INBOX")
		if err := p.Publish(); err != nil {
			t.Fatal(err)
		}
		path := p.(*pending).path
		moved := strings.Replace(path, "/new/", "/cur/", 1) + ":2,S"
		if err := os.Rename(path, moved); err != nil { // as a reader does
			t.Fatal(err)
		}
		if gone {
			if err := os.Remove(moved); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Abort(); err != nil {
			t.Error(err)
		}
		if n := len(entries(t, s, "INBOX")); n != 0 {
			t.Errorf("%d messages left", n)
		}
	}
}

// A folder that lost its parts gets them again; one that is none stays none.
func TestRepair(t *testing.T) {
	for _, part := range folderParts {
		s, _ := inHome(t, nil)
		path := put(t, s, "box")
		if err := os.RemoveAll(filepath.Dir(filepath.Dir(path)) + "/" + part); err != nil {
			t.Fatal(err)
		}
		p, err := s.Prepare(context.Background(), testMail, mailstore.Delivery{Mailbox: "box"})
		if part == "cur" && err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			t.Errorf("without %s: %v", part, err)
			continue
		}
		if err := errors.Join(p.Publish(), p.Close()); err != nil {
			t.Errorf("without %s: %v", part, err)
		}
	}
	s, home := inHome(t, nil)
	mustMakeDirs(t, home, "Maildir/.half")
	if _, err := s.Prepare(context.Background(), testMail, mailstore.Delivery{Mailbox: "half"}); !errors.Is(err, mailstore.ErrNoMailbox) {
		t.Errorf("a directory without cur: %v", err)
	}
}

// A file where a folder should be is a bad name, not a fault to try again.
func TestFileInPlaceOfFolder(t *testing.T) {
	loc, err := ParseLocation("maildir:~/M:LAYOUT=fs")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Location = loc })
	mustMakeDirs(t, home, "M")
	mustWrite(t, home+"/M/subscriptions", "")
	for _, name := range []string{"subscriptions", "subscriptions/x"} {
		_, err := s.Prepare(context.Background(), testMail, mailstore.Delivery{Mailbox: name, Create: true})
		if !errors.Is(err, mailstore.ErrBadName) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What has to be flushed: the file, then every directory that got an entry.
func TestUnsynced(t *testing.T) {
	loc, err := ParseLocation("maildir:~/M:LAYOUT=fs")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Location = loc })
	tests := []struct {
		mailbox string
		flags   []string
		want    string // after Publish, below the home
	}{
		{"a/b", nil, "M/a/b/new . M M/a M/a/b"},
		{"a/b", nil, "M/a/b/new"},
		{"a/b", []string{`\Seen`}, "M/a/b/cur"},
		{"a", nil, "M/a/new M/a"},
		{"INBOX", nil, "M/new M"},
	}
	for _, tt := range tests {
		p, err := s.Prepare(context.Background(), testMail, mailstore.Delivery{Mailbox: tt.mailbox, Create: true, Flags: tt.flags})
		if err != nil {
			t.Fatal(err)
		}
		if files := p.Unsynced(); len(files) != 1 || !strings.Contains(files[0].Name(), "/tmp/") {
			t.Errorf("%s: after Prepare %v", tt.mailbox, files)
		}
		if err := p.Publish(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range p.Unsynced() {
			name, err := filepath.Rel(home, f.Name())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, name)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s %q: after Publish %q, want %q", tt.mailbox, tt.flags, got, tt.want)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if n := len(p.Unsynced()); n != 0 {
			t.Errorf("%s: %d files after Close", tt.mailbox, n)
		}
	}
}
