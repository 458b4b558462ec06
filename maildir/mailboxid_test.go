package maildir

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestMailboxByID(t *testing.T) {
	s, home := inHome(t, nil)
	put(t, s, "INBOX")
	put(t, s, "box")
	put(t, s, "fresh")
	root := home + "/Maildir/"
	mustWrite(t, root+"dovecot-uidlist", "3 V1 N1 Gaaaa\n")
	mustWrite(t, root+".box/dovecot-uidlist", "3 V1 N2 Gbbbb\n1 :x\n")
	mustWrite(t, root+".fresh/dovecot-uidlist", "3 V1 N2 Gcc") // is being written
	for id, want := range map[string]string{"aaaa": "INBOX", "bbbb": "box", "bbb": "", "cc": "", "": "", "BBBB": ""} {
		if name, err := s.MailboxByID(t.Context(), id); name != want || err != nil {
			t.Errorf("%q: %q, %v", id, name, err)
		}
	}
	// What is no file is an error, not an endless wait.
	path := root + ".box/dovecot-uidlist"
	for name, makeIt := range map[string]func() error{
		"directory": func() error { return os.Mkdir(path, 0o700) },
		"pipe": func() error {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				return err
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0) // somebody could write into it
			t.Cleanup(func() { f.Close() })
			return err
		},
	} {
		if err := errors.Join(os.Remove(path), makeIt()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.MailboxByID(t.Context(), "bbbb"); err == nil {
			t.Errorf("a %s for a uidlist: no error", name)
		}
	}
}
