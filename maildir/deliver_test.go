package maildir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

// New files and folders take mode and group of what they are in, as Dovecot's do,
// whatever the umask is.
func TestPermissions(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing groups needs root")
	}
	tests := []struct {
		name      string
		mode      fs.FileMode // of the root
		gid       int
		wantDir   fs.FileMode
		wantFile  fs.FileMode
		wantGroup int
	}{
		{"owner only", 0o700, 0, 0o700, 0o600, 0},
		{"readable", 0o755, 0, 0o755, 0o644, 0},
		{"setgid", fs.ModeSetgid | 0o770, 50, fs.ModeSetgid | 0o770, 0o660, 50},
		{"group differs", 0o750, 50, 0o750, 0o640, 50},
		{"group like the world", 0o755, 50, 0o755, 0o644, 0},
	}
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := ParseQuota([]string{"*:storage=1M"}, "")
			if err != nil {
				t.Fatal(err)
			}
			s, home := inHome(t, func(o *Options) { o.Quota = q })
			root := home + "/Maildir"
			mustMakeDirs(t, home, "Maildir")
			if err := errors.Join(os.Chown(root, -1, tt.gid), os.Chmod(root, tt.mode)); err != nil {
				t.Fatal(err)
			}
			put(t, s, "INBOX")
			put(t, s, "a/b", "Junk")
			if err := s.Subscribe(context.Background(), "a/b"); err != nil {
				t.Fatal(err)
			}
			n := 0
			err = filepath.Walk(root, func(path string, info fs.FileInfo, err error) error {
				if err != nil {
					return err
				}
				n++
				want := tt.wantFile
				if info.IsDir() {
					want = tt.wantDir | fs.ModeDir
				}
				gid := int(info.Sys().(*syscall.Stat_t).Gid)
				if path != root && (info.Mode() != want || gid != tt.wantGroup) {
					t.Errorf("%s: %v, group %d; want %v, %d", path, info.Mode(), gid, want, tt.wantGroup)
				}
				return nil
			})
			if err != nil || n < 13 {
				t.Errorf("%d files, %v", n, err)
			}
		})
	}
}

// A subfolder takes its permissions from its parent folder, not from the root.
func TestPermissionsOfSubfolder(t *testing.T) {
	for location, parent := range map[string]string{"maildir:~/M": ".a", "maildir:~/M:LAYOUT=fs": "a"} {
		loc, err := ParseLocation(location)
		if err != nil {
			t.Fatal(err)
		}
		s, home := inHome(t, func(o *Options) { o.Location = loc })
		put(t, s, "a")
		if err := os.Chmod(home+"/M/"+parent, 0o750); err != nil {
			t.Fatal(err)
		}
		path := put(t, s, "a/b")
		info, err := os.Stat(filepath.Dir(filepath.Dir(path)))
		if err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

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

func TestCleanTmp(t *testing.T) {
	now := time.Now()
	s, home := inHome(t, func(o *Options) { o.Now = func() time.Time { return now } })
	put(t, s, "INBOX")
	tmp := home + "/Maildir/tmp"
	stray := tmp + "/stray"
	mustWrite(t, stray, "x")
	deliverLater := func(d time.Duration, wantStray bool) {
		t.Helper()
		now = now.Add(d)
		s.cache = NewCache() // another process
		put(t, s, "INBOX")
		if _, err := os.Stat(stray); (err == nil) != wantStray {
			t.Errorf("after %v: %v", d, err)
		}
	}
	deliverLater(35*time.Hour, true)
	deliverLater(2*time.Hour, true) // looked at two hours before
	deliverLater(7*time.Hour, false)
	mustWrite(t, stray, "x")
	now = now.Add(100 * time.Hour)
	put(t, s, "INBOX") // the cache knows of a look 100 hours ago
	if _, err := os.Stat(stray); err == nil {
		t.Error("stray file kept")
	}
}

func TestCheckFinds(t *testing.T) {
	q, err := ParseQuota([]string{"*:storage=1M"}, "")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Quota = q })
	put(t, s, "INBOX", "Junk")
	put(t, s, "box")
	root := home + "/Maildir/"
	for path, text := range map[string]string{
		"cur/a,S=3,W=4:2,S":    "12",
		"cur/b,S=3,W=3:2,S":    "1\n\n",
		"cur/c,S=4,W=4:2,":     "\r\n\r\n",
		"cur/d:2,SF":           "",
		"cur/e:2,z":            "",
		"new/e":                "",
		"tmp/left":             "",
		"dovecot-uidlist":      "3 V1 N1\n2 :x\n1 :y\n",
		"dovecot-uidlist.lock": "",
		"maildirsize":          "1048576S\n7 7\n",
	} {
		mustWrite(t, root+path, text)
	}
	if err := os.RemoveAll(root + ".box/new"); err != nil {
		t.Fatal(err)
	}
	problems, err := Check(context.Background(), s, CheckOptions{Content: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cur/a,S=3,W=4:2,S: has 2 bytes", "cur/a,S=3,W=4:2,S: has 2 bytes with CRLF", "cur/b,S=3,W=3:2,S: has 5 bytes with CRLF",
		"cur/d:2,SF: flags not in order", "cur/e:2,z: keyword without a name", "cur/e:2,z: same message name as " + root + "new/e",
		"tmp/left: left in tmp", "dovecot-uidlist:3: UIDs not ascending", "dovecot-uidlist.lock: lock left behind",
		".box/new: missing", "maildirsize: says 7 bytes in 7 messages, and there are 21 in 7",
	}
	got := map[string]bool{}
	for _, p := range problems {
		got[strings.TrimPrefix(p.String(), root)] = true
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("not found: %s", w)
		}
		delete(got, w)
	}
	for g := range got {
		t.Errorf("found: %s", g)
	}
	problems, err = Check(context.Background(), s, CheckOptions{TmpAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.Contains(p.Text, "left") || strings.Contains(p.Text, "CRLF") {
			t.Errorf("found: %v", p)
		}
	}
}
