package maildir

import (
	"os"
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
	if err := os.Remove(root + ".box/dovecot-uidlist"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root+".box/dovecot-uidlist", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.MailboxByID(t.Context(), "bbbb"); err == nil {
		t.Error("a directory for a uidlist: no error")
	}
}
