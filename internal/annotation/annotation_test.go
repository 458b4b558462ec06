package annotation

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What Dovecot 2.3.19 wrote for "doveadm mailbox metadata set".
const written = "priv/07354a2ab2a6016bd16d000083ecc375/vendor/vendor.dovecot/pvt/server/comment\nserver\n" +
	"shared/07354a2ab2a6016bd16d000083ecc375/vendor/vendor.dovecot/pvt/server/vendor/vendor.example/motd\nHi\n" +
	"shared/05354a2ab2a6016bd16d000083ecc375/vendor/vendor.example/thing\ntwo\x01nlines\x01twith \x011 tab\\ back|slash\n" +
	"priv/06354a2ab2a6016bd16d000083ecc375/x.y/ü\n\n" +
	"priv/07354a2ab2a6016bd16d000083ecc375/comment\nhello\n"

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dovecot-attributes")
	if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	const inbox, work, box = "07354a2ab2a6016bd16d000083ecc375", "05354a2ab2a6016bd16d000083ecc375", "06354a2ab2a6016bd16d000083ecc375"
	for _, c := range []struct{ id, name, want string }{
		{inbox, "/private/comment", "hello"},
		{inbox, "/shared/comment", "none"},
		{work, "/private/comment", "none"},
		{work, "/shared/vendor/vendor.example/thing", "two\nlines\twith \x01 tab\\ back|slash"},
		{box, "/private/x.y/ü", ""},
		{inbox, "/private/vendor/vendor.dovecot/pvt/server/comment", "none"},
		{"", "/private/comment", "none"},
		{inbox, "comment", "none"},
	} {
		got, ok := set.Mailbox(c.id, c.name)
		if !ok {
			got = "none"
		}
		if got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.name, c.id, got, c.want)
		}
	}
	for _, c := range []struct{ id, name, want string }{
		{inbox, "/private/comment", "server"},
		{inbox, "/shared/vendor/vendor.example/motd", "Hi"},
		{inbox, "/private/other", "none"},
		{work, "/private/comment", "none"},
		{"", "/private/comment", "none"},
	} {
		got, ok := set.Server(c.id, c.name)
		if !ok {
			got = "none"
		}
		if got != c.want {
			t.Errorf("%s of the server: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"half":    {"priv/a/b\n", ":2: the value of 'priv/a/b' is missing"},
		"cut":     {"priv/a/b\nc\npriv/a/c\nd", ":4: the value of 'priv/a/c' is missing, or not whole"},
		"not one": {"priv/a/b\nc\nFrom nobody\n\n", ":3: 'From nobody' is no key"},
		"large":   {strings.Repeat("x", MaxSize+1), "more than 16777216 bytes"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(fifo); err == nil {
		t.Error("a FIFO is read")
	}
	set, err := Read(filepath.Join(dir, "missing"))
	if err != nil {
		t.Fatalf("missing: %v", err)
	}
	if _, ok := set.Mailbox("a", "/private/b"); ok {
		t.Error("a missing file has an annotation")
	}
}
