package passwd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/userdbtest"
)

const (
	samplePasswd = "root:x:0:0:root:/root:/bin/bash\n# none:x:1:1:::\nanna:x:1000:1000:Anna,,,:/home/anna:/bin/sh\n" +
		"broken:x:abc:1::/x:/bin/sh\nshort:x:1:1\n+nis::::::\nanna:x:2000:2000::/other:/bin/sh\nbob:x:1001:100::/home/bob:\n"
	sampleGroup = "root:x:0:\nmail:x:8:anna,bob\nusers:x:100:bob\nbroken:x:q:bob\nagain:x:8:anna\n"
)

func files(t *testing.T) (passwd, group string) {
	t.Helper()
	dir := t.TempDir()
	passwd, group = filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	for path, text := range map[string]string{passwd: samplePasswd, group: sampleGroup} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return passwd, group
}

func TestSuite(t *testing.T) {
	userdbtest.Run(t, userdbtest.Fixture{
		Driver: newDriver(files(t)),
		Users: []userdb.User{
			{Name: "anna", UID: 1000, GID: 1000, Home: "/home/anna", Groups: []uint32{8}},
			{Name: "bob", UID: 1001, GID: 100, Home: "/home/bob", Groups: []uint32{8}},
			{Name: "root", Home: "/root"},
		},
		All:    []string{"root", "anna", "bob"},
		Broken: newDriver("/nonexistent/passwd", "/nonexistent/group"),
	})
}

// Users whose uids are out of bounds are found, and not listed.
func TestBounds(t *testing.T) {
	d := newDriver(files(t))
	for _, c := range []struct {
		first, last uint32
		want        string
	}{{0, 0, "anna bob root"}, {500, 0, "anna bob"}, {1000, 1000, "anna"}, {0, 999, "root"}} {
		d.FirstUID, d.LastUID = c.first, c.last
		var names []string
		for name, err := range d.List(t.Context(), "*") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("from %d to %d: %s", c.first, c.last, got)
		}
		if _, err := d.Lookup(t.Context(), "bob"); err != nil {
			t.Error(err)
		}
	}
}

// The users of this machine are found.
func TestThisMachine(t *testing.T) {
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if u, err := d.Lookup(t.Context(), "root"); err != nil || u.UID != 0 || u.Home == "" {
		t.Errorf("got %v, %v", u, err)
	}
}

// fakeGetent knows ldap1 and, for the list, all; carol makes it fail.
const fakeGetent = `#!/bin/sh
case "$1 $2" in
"passwd ldap1") echo "ldap1:*:5000:5001:L:/home/ldap1:/bin/sh" ;;
"initgroups ldap1") echo "ldap1                 5001 8 42" ;;
"passwd LDAP1") echo "ldap1:*:5000:5001:L:/home/ldap1:/bin/sh" ;;
"passwd odd") echo "nonsense" ;;
"passwd carol") exit 3 ;;
"passwd ") printf 'anna:x:1000:1000::/home/anna:\nldap1:*:5000:5001:L:/home/ldap1:/bin/sh\n' ;;
*) exit 2 ;;
esac
echo "$1 $2" >> "$(dirname "$0")/calls"
`

func withGetent(t *testing.T) (*Driver, string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "getent")
	if err := os.WriteFile(program, []byte(fakeGetent), 0o700); err != nil {
		t.Fatal(err)
	}
	d := newDriver(files(t))
	d.nss = newNSS(program)
	return d, filepath.Join(filepath.Dir(program), "calls")
}

func TestSuiteWithNameService(t *testing.T) {
	d, calls := withGetent(t)
	broken := newDriver(files(t))
	broken.nss = newNSS("/nonexistent/getent")
	broken.users.Path = "/nonexistent/passwd"
	userdbtest.Run(t, userdbtest.Fixture{
		Driver: d,
		Users: []userdb.User{
			{Name: "anna", UID: 1000, GID: 1000, Home: "/home/anna", Groups: []uint32{8}},
			{Name: "ldap1", UID: 5000, GID: 5001, Home: "/home/ldap1", Groups: []uint32{8, 42}},
		},
		All:    []string{"root", "anna", "bob", "ldap1"},
		Broken: broken,
	})
	log, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "passwd ldap1"); n > 16 {
		t.Errorf("getent was called %d times for one user", n)
	}
}

// A directory that knows no case gives the user's own name.
func TestNameServiceKnowsNoCase(t *testing.T) {
	d, _ := withGetent(t)
	u, err := d.Lookup(t.Context(), "LDAP1")
	if err != nil || u.Name != "ldap1" || u.UID != 5000 || len(u.Groups) != 2 {
		t.Errorf("got %v, %v", u, err)
	}
}

// A fault of the name service is no definite no, and not remembered.
func TestNameServiceFaults(t *testing.T) {
	d, _ := withGetent(t)
	for _, name := range []string{"carol", "odd"} {
		if u, err := d.Lookup(t.Context(), name); u != nil || err == nil || mailerr.IsPermanent(err) {
			t.Errorf("%s: got %v, %v", name, u, err)
		}
	}
	if len(d.nss.answers) != 0 {
		t.Errorf("remembers %v", d.nss.answers)
	}
	for _, name := range []string{"-h", "0"} {
		if u, err := d.Lookup(t.Context(), name); !mailerr.IsPermanent(err) {
			t.Errorf("%s: got %v, %v", name, u, err)
		}
	}
}

func TestOtherSources(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"passwd: files systemd\n", false},
		{"passwd:\tfiles sss\n", true},
		{"# passwd: ldap\ngroup: ldap\npasswd: compat [NOTFOUND=return] # ldap\n", false},
		{"passwd: files [!UNAVAIL=return] ldap\n", true},
		{"", false},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "nsswitch.conf")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := otherSources(path); got != tt.want || err != nil {
			t.Errorf("%q: %v, %v", tt.text, got, err)
		}
	}
	if got, err := otherSources("/nonexistent"); got || err != nil {
		t.Errorf("without the file: %v, %v", got, err)
	}
}
