package maildir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dovetail/internal/mailstore"
)

func sameFile(t *testing.T, a, b string) bool {
	t.Helper()
	ai, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	bi, err := os.Stat(b)
	if err != nil {
		t.Fatal(err)
	}
	return os.SameFile(ai, bi)
}

// Stores of two users with one uid share a file; where that cannot be, it is a copy.
func TestSharing(t *testing.T) {
	received := time.Unix(1700000000, 0)
	tests := []struct {
		name    string
		mailbox string
		change  func(home string) error // of the second user's Maildir
		d       mailstore.Delivery
		shared  bool
		sameKey bool // the same base name
	}{
		{"other user", "INBOX", nil, mailstore.Delivery{Received: received}, true, true},
		{"with flags", "box", nil, mailstore.Delivery{Received: received, Create: true, Flags: []string{`\Seen`}}, true, true},
		{"other date", "INBOX", nil, mailstore.Delivery{Received: received.Add(time.Hour)}, false, false},
		{"other mode", "INBOX", func(home string) error { return os.Chmod(home+"/Maildir", 0o755) }, mailstore.Delivery{Received: received}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			one, _ := inHome(t, nil)
			two, home := inHome(t, nil)
			put(t, two, "INBOX")
			if tt.change != nil {
				if err := tt.change(home); err != nil {
					t.Fatal(err)
				}
			}
			first, err := one.Prepare(context.Background(), testMail, mailstore.Delivery{Mailbox: "INBOX", Received: received})
			if err != nil {
				t.Fatal(err)
			}
			tt.d.Mailbox, tt.d.Share = tt.mailbox, first
			second, err := two.Prepare(context.Background(), testMail, tt.d)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(second.Unsynced()); (n == 0) != tt.shared {
				t.Errorf("%d files to sync", n)
			}
			if err := errors.Join(first.Publish(), second.Publish()); err != nil {
				t.Fatal(err)
			}
			a, b := first.(*pending).path, second.(*pending).path
			if sameFile(t, a, b) != tt.shared {
				t.Errorf("%s and %s are one file: %v", a, b, !tt.shared)
			}
			if same := parseFileName(filepath.Base(a)).base == parseFileName(filepath.Base(b)).base; same != tt.sameKey {
				t.Errorf("names %s and %s", a, b)
			}
			if err := errors.Join(first.Close(), second.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Three copies in one folder are three messages, also when one is out of tmp.
func TestSharingInOneFolder(t *testing.T) {
	s, _ := inHome(t, nil)
	received := time.Now()
	var all []mailstore.Pending
	for i := range 4 {
		d := mailstore.Delivery{Mailbox: []string{"INBOX", "box", "box", "INBOX"}[i], Create: true, Received: received}
		if i > 0 {
			d.Share = all[0]
		}
		p, err := s.Prepare(context.Background(), testMail, d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
		if i != 0 {
			if err := p.Publish(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := all[0].Publish(); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if !sameFile(t, p.(*pending).path, all[0].(*pending).path) {
			t.Error("not shared")
		}
	}
	if a, b := len(entries(t, s, "INBOX")), len(entries(t, s, "box")); a != 2 || b != 2 {
		t.Errorf("%d and %d messages", a, b)
	}
}
