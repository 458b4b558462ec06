package imapurl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/imapurl"
)

func TestParse(t *testing.T) {
	for s, want := range map[string]string{
		"imaps://anna@mail.example.org":                  "anna mail.example.org:993/INBOX",
		"imap://anna@mail.example.org/":                  "anna mail.example.org:143/INBOX",
		"imap://anna@mail.example.org/inbox":             "anna mail.example.org:143/INBOX",
		"imaps://anna%40example.org@[2001:db8::1]:1/A/b": "anna@example.org [2001:db8::1]:1/A/b",
		"imap://anna@mail.example.org/Old%20mail":        "anna mail.example.org:143/Old mail",
	} {
		u, err := imapurl.Parse(s)
		if err != nil || u.User+" "+u.String() != want {
			t.Errorf("%s: %v, %v", s, u, err)
		}
	}
	for _, s := range []string{"", "anna@mail", "http://a@b/", "imap://mail.example.org/x", "imap://a@/x", "imap://a:secret@b/x", "imap://a@b/x?y", "imap://a@b:x:y/"} {
		if u, err := imapurl.Parse(s); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, %v", s, u, err)
		}
	}
}

func TestPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from file\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(imapurl.PasswordVariable, "")
	if p, err := imapurl.Password(""); err == nil {
		t.Errorf("a password from nowhere: %q", p)
	}
	t.Setenv(imapurl.PasswordVariable, "from environment")
	for name, want := range map[string]string{"": "from environment", file: "from file"} {
		if p, err := imapurl.Password(name); err != nil || p != want {
			t.Errorf("%q: %q, %v", name, p, err)
		}
	}
	if _, err := imapurl.Password(file + ".none"); err == nil {
		t.Error("a file that is not there has a password")
	}
}
