package passwdfile

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/userdbtest"
)

const sample = `# comment
:also a comment

bob@example.org:{PLAIN}pw:1500:1600::/srv/bob::userdb_quota_rule=*:bytes=3k userdb_mail=maildir:~/Maildir:INBOX=/x/%n userdb_flag nologin userdb_quota_rule10=c userdb_quota_rule2=+10%
names:{SSHA}x:mail:mail:Gecos, Text:/srv/names:/bin/sh
half:{PLAIN}pw::::/home/%u::
short:{PLAIN}pw:1500:1500
colon:{PLAIN}pw:1500:1500::/srv/c:/bin/sh:userdb_a=b:c=d userdb_e=%%f
old:{PLAIN}pw:1500:1500::/srv/old:::maildir:/x/old
dup:{PLAIN}pw:1500:1500::/srv/dup1::
dup:{PLAIN}pw:1500:1500::/srv/dup2::
bad:{PLAIN}pw:nosuch:1500::/srv/bad::
root:{PLAIN}pw:0:0::/root::
badfield:{PLAIN}pw:1:1::/x::userdb_x=%y
passdb:{PLAIN}pw
alone
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, o Options) *Driver {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSuite(t *testing.T) {
	userdbtest.Run(t, userdbtest.Fixture{
		Driver: open(t, Options{Path: write(t, sample)}),
		Users: []userdb.User{
			{Name: "bob@example.org", UID: 1500, GID: 1600, Home: "/srv/bob", Mail: "maildir:~/Maildir:INBOX=/x/bob",
				QuotaRules: []string{"*:bytes=3k", "+10%", "c"}, Fields: map[string]string{"flag": ""}},
			{Name: "names", UID: 8, GID: 8, Home: "/srv/names"},
			{Name: "half", Home: "/home/%u"}, // as Dovecot: a home is taken as it is
			{Name: "short", UID: 1500, GID: 1500},
			{Name: "colon", UID: 1500, GID: 1500, Home: "/srv/c", Fields: map[string]string{"a": "b:c=d", "e": "%f"}},
			{Name: "old", UID: 1500, GID: 1500, Home: "/srv/old", Mail: "maildir:/x/old"},
			{Name: "dup", UID: 1500, GID: 1500, Home: "/srv/dup1"},
		},
		All:    []string{"bob@example.org", "names", "half", "short", "colon", "old", "dup"},
		Broken: open(t, Options{Path: "/nonexistent/users"}),
	})
}

func TestDefaults(t *testing.T) {
	d := open(t, Options{Path: write(t, sample), UID: "2000", GID: "2001", Home: "/srv/%u", Mail: "maildir:~/M"})
	for _, want := range []userdb.User{
		{Name: "passdb", UID: 2000, GID: 2001, Home: "/srv/passdb", Mail: "maildir:~/M"},
		{Name: "alone", UID: 2000, GID: 2001, Home: "/srv/alone", Mail: "maildir:~/M"},
		{Name: "names", UID: 8, GID: 8, Home: "/srv/names", Mail: "maildir:~/M"},
		{Name: "old", UID: 1500, GID: 1500, Home: "/srv/old", Mail: "maildir:/x/old"},
	} {
		got, err := d.Lookup(t.Context(), want.Name)
		if err != nil || got.String() != want.String() {
			t.Errorf("got %v, %v, want %v", got, err, &want)
		}
	}
}

func TestUsernameFormat(t *testing.T) {
	d := open(t, Options{Path: write(t, sample), UsernameFormat: "%Ln"})
	if u, err := d.Lookup(t.Context(), "OLD@anywhere"); err != nil || u.Name != "OLD@anywhere" || u.Home != "/srv/old" {
		t.Errorf("got %v, %v", u, err)
	}
}

// Where one line stands for all names of a domain, no name leads into the mail of
// another one.
func TestNamesOfOneLine(t *testing.T) {
	text := "a.org:x:1500:1500::::userdb_mail=maildir:/srv/%d/%n userdb_quota_rule=*:storage=1G\nb.org:x:1500:1500::::\n"
	d := open(t, Options{Path: write(t, text), UsernameFormat: "%Ld", Home: "/srv/%d/%n"})
	for _, name := range []string{"bob@a.org", "bob@b.org"} {
		if u, err := d.Lookup(t.Context(), name); err != nil || !strings.HasSuffix(u.Home+u.Mail, "/bob") {
			t.Errorf("%s: %v, %v", name, u, err)
		}
	}
	for _, name := range []string{"bob/.Spam@a.org", "bob/.Spam@b.org", "x:INBOX=bob@a.org"} {
		if u, err := d.Lookup(t.Context(), name); !mailerr.IsPermanent(err) {
			t.Errorf("%s: %v, %v", name, u, err)
		}
	}
}

// A line that makes no sense is a fault for its user, and for no other.
func TestBadLines(t *testing.T) {
	d := open(t, Options{Path: write(t, sample)})
	for name, want := range map[string]string{
		"bad":      `line 12, user bad: uid "nosuch": neither a number nor a user`,
		"root":     `line 13, user root: uid "0" is root's`,
		"badfield": `line 14, user badfield: field userdb_x: "%y": unknown variable %y`,
	} {
		_, err := d.Lookup(t.Context(), name)
		if err == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"passdb", "alone"} {
		if _, err := d.Lookup(t.Context(), name); !mailerr.IsPermanent(err) {
			t.Errorf("%s has no uid, and is found: %v", name, err)
		}
	}
}

func TestChangesAreSeen(t *testing.T) {
	path := write(t, "anna::1:1::/a::\n")
	d := open(t, Options{Path: path})
	home := func(name string) string {
		u, err := d.Lookup(t.Context(), name)
		if err != nil {
			return err.Error()
		}
		return u.Home
	}
	if got := home("anna"); got != "/a" {
		t.Fatal(got)
	}
	// Rewritten in place, same size, at once: only the time tells, and it may not.
	for _, want := range []string{"/b", "/c", "/d", "/e"} {
		if err := os.WriteFile(path, []byte("anna::1:1::"+want+"::\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := home("anna"); got != want {
			t.Errorf("after a change to %s: %s", want, got)
		}
	}
	// Replaced by rename, with the old time.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte("anna::1:1::/f::\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path+".new", info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if got := home("anna"); got != "/f" {
		t.Errorf("after a rename: %s", got)
	}
	// Gone: a fault, never a definite no.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lookup(t.Context(), "anna"); err == nil || mailerr.IsPermanent(err) {
		t.Errorf("without the file: %v", err)
	}
}

// A file that somebody is writing gives no definite no.
func TestHalfWrittenFile(t *testing.T) {
	for _, text := range []string{"", "anna::1:1::/a::\nbo"} {
		path := write(t, text)
		d := open(t, Options{Path: path})
		soon := time.Now().Add(time.Minute) // so that it has just changed, however slow this is
		if err := os.Chtimes(path, soon, soon); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Lookup(t.Context(), "bob"); err == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), "may still be written") {
			t.Errorf("%q: got %v", text, err)
		}
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Lookup(t.Context(), "bob"); !mailerr.IsPermanent(err) {
			t.Errorf("%q at rest: got %v", text, err)
		}
	}
}

func TestFilePerDomain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "example.org"), []byte("bob::1:1::/b::\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, Options{Path: dir + "/%d", UsernameFormat: "%n"})
	if u, err := d.Lookup(t.Context(), "bob@example.org"); err != nil || u.Home != "/b" {
		t.Errorf("got %v, %v", u, err)
	}
	for _, name := range []string{"bob@example.com", "anna@example.org", "bob@../x", "bob@.."} {
		if _, err := d.Lookup(t.Context(), name); !mailerr.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(d.files) != 1 {
		t.Errorf("keeps %v", d.files)
	}
	for _, err := range d.List(t.Context(), "*") {
		if err == nil || mailerr.IsPermanent(err) {
			t.Errorf("list: %v", err)
		}
	}
	// The directory is there and empty: perhaps not mounted.
	if err := os.Remove(filepath.Join(dir, "example.org")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lookup(t.Context(), "bob@example.org"); err == nil || mailerr.IsPermanent(err) {
		t.Errorf("empty directory: %v", err)
	}
}

func TestBadSettings(t *testing.T) {
	_, err := New(Options{Path: "%y", UsernameFormat: "%z", UID: "nosuch", GID: "nosuch", Home: "%{"})
	for _, want := range []string{"%y", "%z", "uid", "gid", "closing"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parse(strings.NewReader(text))
		if err != nil {
			return
		}
		d := &Driver{home: open(t, Options{}).home}
		for name, e := range maps.All(entries) {
			if u, err := d.user(e, name); err == nil && u.Name != name {
				t.Errorf("%q became %q", name, u.Name)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	path := filepath.Join(b.TempDir(), "users")
	if err := os.WriteFile(path, []byte(strings.Repeat("#\n", 1000)+sample), 0o600); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		b.Fatal(err)
	}
	d, err := New(Options{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.Lookup(b.Context(), "bob@example.org"); err != nil {
			b.Fatal(err)
		}
	}
}
