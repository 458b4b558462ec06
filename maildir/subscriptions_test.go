package maildir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/fsx"
)

func TestSubscribe(t *testing.T) {
	const v2 = "V\t2\n\n"
	tests := []struct {
		name, before, subscribe, after string
		list                           []string
	}{
		{"new file", "", "Lists/Go/Entwürfe", v2 + "Lists\tGo\tEntw&APw-rfe\n", []string{"Lists/Go/Entwürfe"}},
		{"added", v2 + "Spam\n", "a/b", v2 + "Spam\na\tb\n", []string{"Spam", "a/b"}},
		{"there already", v2 + "a\tb\nSpam\n", "a/b", v2 + "a\tb\nSpam\n", []string{"a/b", "Spam"}},
		{"version 1", "Spam\na.b\n", "c/d", "Spam\na.b\nc.d\n", []string{"Spam", "a/b", "c/d"}},
		{"version 1, there", "Spam\na.b\n", "a/b", "Spam\na.b\n", []string{"Spam", "a/b"}},
		{"no line end", "Spam", "x", "Spam\nx\n", []string{"Spam", "x"}},
		{"like the head", v2, "V/2", v2 + "V\t2\n", []string{"V/2"}},
		{"inbox", v2, "inbox", v2 + "INBOX\n", []string{"INBOX"}},
		{"unknown lines stay", v2 + "&bad\n", "x", v2 + "&bad\nx\n", []string{"x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, home := inHome(t, nil)
			file := home + "/Maildir/subscriptions"
			if tt.before != "" {
				mustMakeDirs(t, home, "Maildir")
				mustWrite(t, file, tt.before)
			}
			if err := s.Subscribe(context.Background(), tt.subscribe); err != nil {
				t.Fatal(err)
			}
			if got := mustRead(t, file); got != tt.after {
				t.Errorf("file %q, want %q", got, tt.after)
			}
			if got, err := s.Subscribed(); err != nil || !slices.Equal(got, tt.list) {
				t.Errorf("subscribed to %q, %v, want %q", got, err, tt.list)
			}
			if _, err := os.Stat(file + lockSuffix); !os.IsNotExist(err) {
				t.Errorf("lock left: %v", err)
			}
		})
	}
}

// thief takes the lock away while the old file is read.
type thief struct{ fsx.OS }

func (thief) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	if flag&os.O_CREATE == 0 && strings.HasSuffix(name, "/subscriptions") {
		if err := os.Remove(name + lockSuffix); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name+lockSuffix, []byte("other"), 0o600); err != nil {
			return nil, err
		}
	}
	return fsx.OS{}.OpenFile(name, flag, perm)
}

func TestSubscribeWithoutLock(t *testing.T) {
	s, home := inHome(t, func(o *Options) { o.FS = thief{} })
	mustMakeDirs(t, home, "Maildir")
	file := home + "/Maildir/subscriptions"
	mustWrite(t, file, "a\n")
	if err := s.Subscribe(context.Background(), "b"); !errors.Is(err, errLockLost) {
		t.Errorf("error %v", err)
	}
	if text, lock := mustRead(t, file), mustRead(t, file+lockSuffix); text != "a\n" || lock != "other" {
		t.Errorf("file %q, lock %q", text, lock)
	}
}

func TestSubscribedWithPrefix(t *testing.T) {
	s, home := inHome(t, func(o *Options) { o.Prefix, o.Separator = "INBOX.", "." })
	mustMakeDirs(t, home, "Maildir")
	mustWrite(t, home+"/Maildir/subscriptions", "V\t2\n\na\tb\nINBOX\n")
	if got, err := s.Subscribed(); err != nil || !slices.Equal(got, []string{"INBOX.a.b", "INBOX"}) {
		t.Errorf("subscribed to %q, %v", got, err)
	}
}

// Dovecot's escapes, as its own programs wrote them.
func TestTabEscapes(t *testing.T) {
	for plain, escaped := range map[string]string{"a\tb": "a\x01tb", "\x01": "\x011", "\n\r\x00": "\x01n\x01r\x010", "\x01t": "\x011t"} {
		if got := tabEscaper.Replace(plain); got != escaped {
			t.Errorf("%q escapes to %q", plain, got)
		}
		if got := tabUnescaper.Replace(escaped); got != plain {
			t.Errorf("%q unescapes to %q", escaped, got)
		}
	}
}
