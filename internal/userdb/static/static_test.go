package static

import (
	"strings"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/userdbtest"
)

func TestEveryUser(t *testing.T) {
	d, err := New(Options{UID: "1000", GID: "mail", Home: "/srv/mail/%d/%n", Mail: "maildir:~/M"})
	if err != nil {
		t.Fatal(err)
	}
	userdbtest.Run(t, userdbtest.Fixture{Driver: d, Users: []userdb.User{
		{Name: "bob@example.org", UID: 1000, GID: 8, Home: "/srv/mail/example.org/bob", Mail: "maildir:~/M"},
		{Name: "bob", UID: 1000, GID: 8, Home: "/srv/mail//bob", Mail: "maildir:~/M"},
	}})
}

func TestListOfUsers(t *testing.T) {
	d, err := New(Options{UID: "1000", GID: "100", Home: "/srv/%u", Users: []string{"anna", "bob"}})
	if err != nil {
		t.Fatal(err)
	}
	userdbtest.Run(t, userdbtest.Fixture{
		Driver: d,
		Users:  []userdb.User{{Name: "anna", UID: 1000, GID: 100, Home: "/srv/anna"}},
		All:    []string{"anna", "bob"},
	})
}

func TestNamesThatLeadOut(t *testing.T) {
	d, err := New(Options{UID: "1", GID: "1", Home: "/srv/%d/%n"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"..@example.org", "a/b@example.org", "bob@..", "bob@a/b", ".@x"} {
		if u, err := d.Lookup(t.Context(), name); !mailerr.IsPermanent(err) {
			t.Errorf("%s: %v, %v", name, u, err)
		}
	}
}

func TestBadSettings(t *testing.T) {
	tests := []struct {
		o    Options
		want []string
	}{
		{Options{UID: "no-such-user", GID: "no-such-group", Home: "%y"}, []string{
			`uid "no-such-user": neither a number nor a user`, `gid "no-such-group": neither a number nor a group`, "unknown variable %y"}},
		{Options{UID: "1", GID: "1", Home: "%h/x"}, []string{"%{home} is not known yet"}},
		{Options{UID: "1", GID: "1", Home: "/srv/%i"}, []string{"%{uid} is not known yet"}},
	}
	for _, tt := range tests {
		_, err := New(tt.o)
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: got %v, want %q", tt.o, err, want)
			}
		}
	}
}
