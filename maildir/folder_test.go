package maildir

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dovetail/internal/mailstore"
)

func place(t *testing.T, location, separator, prefix string) *Store {
	t.Helper()
	loc, err := ParseLocation(location)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Location: loc, Home: "/h", Separator: separator, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The places are those that Dovecot 2.3 was seen to use.
func TestFolderPlaces(t *testing.T) {
	tests := []struct{ location, separator, prefix, name, dir, control string }{
		{"maildir:~/M", "/", "", "INBOX", "/h/M", "/h/M"},
		{"maildir:~/M", "/", "", "inbox", "/h/M", "/h/M"},
		{"maildir:~/M", "/", "", "a/b", "/h/M/.a.b", "/h/M/.a.b"},
		{"maildir:~/M", "", "", "a.b", "/h/M/.a.b", "/h/M/.a.b"},
		{"maildir:~/M", "/", "", "Entwürfe/x&y", "/h/M/.Entw&APw-rfe.x&-y", "/h/M/.Entw&APw-rfe.x&-y"},
		{"maildir:~/M:UTF-8", "/", "", "Entwürfe/x&y", "/h/M/.Entwürfe.x&y", "/h/M/.Entwürfe.x&y"},
		{"maildir:~/M", ".", "INBOX.", "INBOX.Spam", "/h/M/.Spam", "/h/M/.Spam"},
		{"maildir:~/M", ".", "INBOX.", "Inbox.Spam", "/h/M/.Spam", "/h/M/.Spam"},
		{"maildir:~/M", "/", "INBOX/", "INBOX", "/h/M", "/h/M"},
		{"maildir:~/M:CONTROL=~/c", "/", "", "INBOX", "/h/M", "/h/c/.INBOX"},
		{"maildir:~/M:CONTROL=~/c", "/", "", "a/b", "/h/M/.a.b", "/h/c/.a.b"},
		{"maildir:~/M:LAYOUT=fs", "", "", "INBOX", "/h/M", "/h/M"},
		{"maildir:~/M:LAYOUT=fs", "/", "", "a/b.c", "/h/M/a/b.c", "/h/M/a/b.c"},
		{"maildir:~/M:LAYOUT=fs", "/", "", "INBOX/sub", "/h/M/INBOX/sub", "/h/M/INBOX/sub"},
		{"maildir:~/M:LAYOUT=fs", "/", "", "inboxes", "/h/M/inboxes", "/h/M/inboxes"},
		{"maildir:~/M:LAYOUT=fs", ".", "", "a.b", "/h/M/a/b", "/h/M/a/b"},
		{"maildir:~/.M:LAYOUT=fs:INBOX=~/.M/INBOX", "/", "", "INBOX", "/h/.M/INBOX", "/h/.M/INBOX"},
		{"maildir:~/M:LAYOUT=fs:CONTROL=~/c:DIRNAME=d", "/", "", "INBOX", "/h/M/INBOX/d", "/h/c/INBOX"},
		{"maildir:~/M:LAYOUT=fs:CONTROL=~/c:DIRNAME=d", "/", "", "a/b", "/h/M/a/b/d", "/h/c/a/b"},
		{"maildir:~/M:LAYOUT=fs:DIRNAME=d", "/", "", "a/cur", "/h/M/a/cur/d", "/h/M/a/cur/d"},
		{"maildir:~/M:LAYOUT=fs:FULLDIRNAME=d:CONTROL=/c:MAILBOXDIR=m", "/", "", "a", "/h/M/m/a/d", "/c/m/a/d"},
	}
	for _, tt := range tests {
		f, err := place(t, tt.location, tt.separator, tt.prefix).folder(tt.name)
		if err != nil || f.dir != tt.dir || f.control != tt.control {
			t.Errorf("%s, %q%q, %s: %s, %s, %v; want %s, %s", tt.location, tt.prefix, tt.separator, tt.name, f.dir, f.control, err, tt.dir, tt.control)
		}
		if want := upperInbox(tt.name, place(t, tt.location, tt.separator, "").separator); f.name != want {
			t.Errorf("%s has the name %q, want %q", tt.name, f.name, want)
		}
	}
}

func TestBadFolderNames(t *testing.T) {
	tests := []struct{ location, separator, prefix, name string }{
		{"maildir:/m", "/", "", "a.b"},
		{"maildir:/m", ".", "", "a/b"},
		{"maildir:/m", ".", "", "a..b"},
		{"maildir:/m", "/", "", "~a"},
		{"maildir:/m", "/", "", strings.Repeat("x", 255)}, // with its dot
		{"maildir:/m", "/", "", strings.Repeat("ü", 100)}, // encoded
		{"maildir:/m", "/", "", strings.Repeat("x/", 200) + "x"},
		{"maildir:/m", ".", "INBOX.", "Spam"},
		{"maildir:/m", ".", "INBOX.", "INBOX."},
		{"maildir:/m", ".", "INBOX.", "INBOX.INBOX"},
		{"maildir:/m:LAYOUT=fs", "/", "", "cur"},
		{"maildir:/m:LAYOUT=fs", "/", "", "a/tmp"},
		{"maildir:/m:LAYOUT=fs", "/", "", "new/a"},
		{"maildir:/m:LAYOUT=fs", ".", "", "a/../../etc"},
		{"maildir:/m:LAYOUT=fs", ".", "", "..a"},
		{"maildir:/m:LAYOUT=fs:DIRNAME=d", "/", "", "a/d"},
		{"maildir:/m:LAYOUT=fs", "/", "", strings.Repeat("x", 256)},
		{"maildir:/m", "/", "", "a\u2028b"},
		{"maildir:/m", "/", "", "a\u0085b"},
	}
	for _, tt := range tests {
		if f, err := place(t, tt.location, tt.separator, tt.prefix).folder(tt.name); !errors.Is(err, mailstore.ErrBadName) {
			t.Errorf("%s, %q: %q lies in %s, %v", tt.location, tt.separator, tt.name, f.dir, err)
		}
	}
}

// No name leads out of the root.
func FuzzFolder(f *testing.F) {
	for _, seed := range []string{"a/b", "../x", "INBOX", "Entwürfe", "a.b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, location := range []string{"maildir:/m", "maildir:/m:LAYOUT=fs", "maildir:/m:LAYOUT=fs:UTF-8"} {
			for _, separator := range []string{"/", "."} {
				s := place(t, location, separator, "")
				folder, err := s.folder(name)
				if err != nil {
					continue
				}
				if folder.dir != "/m" && !strings.HasPrefix(folder.dir, "/m/") || strings.Contains(folder.dir, "/../") || strings.HasSuffix(folder.dir, "/..") {
					t.Errorf("%q lies in %s", name, folder.dir)
				}
				if folder.name != upperInbox(name, separator) {
					t.Errorf("%q is called %q", name, folder.name)
				}
			}
		}
	})
}

func TestMailboxesPassesOverWhatIsNone(t *testing.T) {
	tests := map[string]struct {
		location string
		dirs     []string
		want     string
	}{
		"maildir++": {"maildir:~", []string{"cur", ".a/cur", ".a.b/cur", ".half/tmp", "..DOVECOT-TRASHED/cur", ".&bad/cur", "x/cur", ".a./cur"}, "INBOX a a/b"},
		"fs":        {"maildir:~:LAYOUT=fs", []string{"cur", "new", "a/b/cur", "c/cur", "c/d/cur", "&bad/cur", "INBOX/cur", "INBOX/x/cur", ".hid/cur"}, "INBOX .hid INBOX/x a/b c c/d"},
		"dirname":   {"maildir:~:LAYOUT=fs:DIRNAME=m", []string{"a/m/cur", "a/b/m/cur", "INBOX/m/cur", "c/cur"}, "INBOX a a/b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			mustMakeDirs(t, home, tt.dirs...)
			loc, err := ParseLocation(tt.location)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(Options{Location: loc, Home: home, Separator: "/"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Mailboxes(context.Background())
			if err != nil || strings.Join(got, " ") != tt.want {
				t.Errorf("mailboxes %q, %v, want %s", got, err, tt.want)
			}
		})
	}
}

// Links in a circle, which lead to more folders than there is time for, are an error.
func TestMailboxesInCircles(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.Symlink(".", home+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	loc, err := ParseLocation("maildir:~:LAYOUT=fs")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Location: loc, Home: home})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Mailboxes(t.Context()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%d mailboxes, %v", len(got), err)
	}
}

// A folder that cannot be looked into keeps no other from being found, and is told of
// when it is read.
func TestMailboxesBesideUnreadable(t *testing.T) {
	for _, location := range []string{"maildir:~", "maildir:~:LAYOUT=fs"} {
		home := t.TempDir()
		loc, err := ParseLocation(location)
		if err != nil {
			t.Fatal(err)
		}
		mustMakeDirs(t, home, ".z/cur", "z/cur")
		for _, name := range []string{".loop", "loop"} {
			if err := os.Symlink(name, home+"/"+name); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(Options{Location: loc, Home: home, Separator: "/"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Mailboxes(t.Context())
		if err != nil || !slices.Contains(got, "loop") || !slices.Contains(got, "z") {
			t.Errorf("%s: mailboxes %q, %v", location, got, err)
		}
		if _, err := s.Scan(t.Context(), "loop"); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("%s: %v", location, err)
		}
	}
}
