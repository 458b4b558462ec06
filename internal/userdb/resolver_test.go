package userdb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
)

// table is a user database; asked are the names in their order.
type table struct {
	users     map[string]*userdb.User
	fault     string // name that gives a fault
	agreeable bool
	asked     []string
}

func (d *table) Agreeable() bool { return d.agreeable }

func (d *table) Lookup(_ context.Context, name string) (*userdb.User, error) {
	d.asked = append(d.asked, name)
	if name == d.fault {
		return nil, userdb.Fault(errors.New("the database is down"))
	}
	if u := d.users[name]; u != nil {
		return u.Clone(), nil
	}
	return nil, userdb.Unknown(name)
}

func named(names ...string) map[string]*userdb.User {
	users := make(map[string]*userdb.User)
	for _, n := range names {
		users[n] = &userdb.User{Name: n, UID: 1000, GID: 100, Home: "/home/" + n}
	}
	return users
}

func TestResolve(t *testing.T) {
	tests := []struct {
		name       string
		format     string
		delimiters string
		db         table
		address    string
		user       string // "" = refused, "!" = fault
		detail     string
		asked      string
	}{
		{"plain", "%Lu", "+", table{users: named("bob@example.org")}, "Bob@Example.org", "bob@example.org", "", "bob@example.org"},
		{"detail", "%Lu", "+", table{users: named("bob@example.org")}, "bob+box@example.org", "bob@example.org", "box", "bob+box@example.org bob@example.org"},
		{"the site's format", "%n", "+", table{users: named("user2")}, "user2+box@example.org", "user2", "box", "user2+box user2"},
		{"detail of an agreeable database", "%n", "+", table{users: named("bob", "bob+box"), agreeable: true}, "bob+box@x", "bob", "box", "bob"},
		{"a name with the delimiter", "%n", "-", table{users: named("anne-marie", "anne")}, "anne-marie@x", "anne-marie", "", "anne-marie"},
		{"such a name in an agreeable database", "%n", "-", table{users: named("anne-marie"), agreeable: true}, "anne-marie@x", "anne-marie", "", "anne anne-marie"},
		{"several delimiters", "%u", "+-", table{users: named("bob@x")}, "bob-a+b@x", "bob@x", "a+b", "bob-a+b@x bob@x"},
		{"no delimiters", "%u", "", table{users: named("bob")}, "bob+a", "", "", "bob+a"},
		{"empty detail", "%u", "+", table{users: named("bob")}, "bob+", "bob", "", "bob+ bob"},
		{"a delimiter in front is none", "%u", "+", table{users: named("bob", "+bob")}, "+bob", "+bob", "", "+bob"},
		{"a delimiter in the domain is none", "%u", "-", table{users: named("bob@a-b.org")}, "bob@a-b.org", "bob@a-b.org", "", "bob@a-b.org"},
		{"quoted local part", "%u", "+", table{users: named("john doe@x")}, `"john doe+a\"b"@x`, "john doe@x", `a"b`, `john doe+a"b@x john doe@x`},
		{"quoted at sign", "%u", "+", table{users: named(`"a@b"@x`)}, `"a@b"@x`, `"a@b"@x`, "", `"a@b"@x`},
		{"unknown", "%u", "+", table{}, "bob+a@x", "", "", "bob+a@x bob@x"},
		{"fault", "%u", "+", table{fault: "bob@x"}, "bob+a@x", "!", "", "bob+a@x bob@x"},
		{"fault at the full name", "%u", "+", table{fault: "bob+a@x", users: named("bob@x")}, "bob+a@x", "!", "", "bob+a@x"},
		{"not even asked", "%u", "+", table{users: named("bob")}, "bob\tservice=x", "", "", ""},
		{"not even asked, path", "%u", "+", table{users: named("bob")}, "../bob@x", "", "", ""},
		{"empty", "%u", "+", table{}, "", "", "", ""},
		{"empty local part", "%u", "+", table{}, "@example.org", "", "", ""},
		{"empty after the format", "%d", "+", table{}, "bob", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &userdb.Resolver{Users: &tt.db, Format: expand.MustParse(tt.format), Delimiters: tt.delimiters, Location: expand.MustParse("maildir:~/Maildir")}
			rcpt, err := r.Resolve(t.Context(), tt.address)
			got := ""
			switch {
			case err == nil:
				got = rcpt.User.Name
			case !mailerr.IsPermanent(err):
				got = "!"
			case mailerr.Of(err).Code != 550:
				t.Errorf("got %v", err)
			}
			if got != tt.user || rcpt.Detail != tt.detail || strings.Join(tt.db.asked, " ") != tt.asked {
				t.Errorf("got user %q, detail %q, %v, asked %q", got, rcpt.Detail, err, tt.db.asked)
			}
			if err != nil && rcpt.User != nil {
				t.Errorf("both a user and %v", err)
			}
		})
	}
}

func TestLocation(t *testing.T) {
	db := table{users: named("bob@x", "own", "bad", "odd:name", "low", "none")}
	db.users["own"].Mail = "maildir:/m/%n:INDEX=%h/i"
	db.users["bad"].Mail = "maildir:%y"
	db.users["low"].UID = 1
	db.users["none"].UID = 0
	r := &userdb.Resolver{Users: &db, Location: expand.MustParse("maildir:/srv/%d/%n:INBOX=~/in"), FirstUID: 500, LastUID: 2000}
	tests := []struct{ user, location, fault string }{
		{"bob@x", "maildir:/srv/x/bob:INBOX=~/in", ""},
		{"own", "maildir:/m/own:INDEX=/home/own/i", ""},
		{"bad", "", `mail location of bad: "maildir:%y": unknown variable %y`},
		{"odd:name", "", `"odd:name" has a character`},
		{"low", "", "user low has uid 1: not permitted (first_valid_uid 500"},
		{"none", "", "last_valid_uid 2000); where the user database names no uid, [userdb] uid can"},
	}
	for _, tt := range tests {
		rcpt, err := r.ResolveUser(t.Context(), tt.user)
		if rcpt.Location != tt.location || (err == nil) != (tt.fault == "") {
			t.Errorf("%s: got %q, %v", tt.user, rcpt.Location, err)
		}
		if err != nil && (mailerr.IsPermanent(err) || !strings.Contains(err.Error(), tt.fault)) {
			t.Errorf("%s: got %v, want %q", tt.user, err, tt.fault)
		}
	}
	r.LastUID = 999
	if _, err := r.ResolveUser(t.Context(), "bob@x"); err == nil || mailerr.IsPermanent(err) {
		t.Errorf("above last_valid_uid: %v", err)
	}
}

func TestSteps(t *testing.T) {
	db := table{users: named("user2"), fault: "down"}
	db.users["user2"].Mail = "maildir:~/M"
	r := &userdb.Resolver{Users: &db, Format: expand.MustParse("%n"), Delimiters: "+-"}
	text := func(address string) string {
		rcpt, _ := r.Resolve(t.Context(), address)
		var lines []string
		for _, s := range rcpt.Steps {
			lines = append(lines, fmt.Sprintf("%s: %s", s.What, s.Value))
		}
		return strings.Join(lines, "\n")
	}
	want := `as received: user2+box@example.org
after auth_username_format: user2+box (%n)
split at recipient_delimiter: user user2, detail box (at "+")
look-up user2+box: no such user
look-up user2: user user2 uid 1000 gid 100 home /home/user2 mail maildir:~/M
home: /home/user2
mail location: maildir:~/M (user database)`
	if got := text("user2+box@example.org"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = `as received: down@x
after auth_username_format: down (%n)
split at recipient_delimiter: no detail (none of "+-" in it)
look-up down: temporary fault: the database is down`
	if got := text("down@x"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		mask, name string
		want       bool
	}{
		{"*", "", true}, {"*", "bob", true}, {"b*", "Bob", true}, {"*@x", "bob@X", true}, {"b?b", "bob", true},
		{"b?b", "bb", false}, {"b*c*d", "bxcxd", true}, {"b*c*d", "bxdxc", false}, {"", "", true}, {"", "b", false}, {"bob", "bo", false},
	}
	for _, tt := range tests {
		if got := userdb.Match(tt.mask, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) is %v", tt.mask, tt.name, got)
		}
	}
}

func TestUnknownIsFitForAReply(t *testing.T) {
	reply := mailerr.Of(userdb.Unknown("a\r\n250 OK\x00" + strings.Repeat("x", 5000))).Reply()
	if strings.ContainsAny(reply, "\r\n\x00") || len(reply) > 1000 {
		t.Errorf("%q", reply)
	}
}

func TestFields(t *testing.T) {
	u := &userdb.User{Name: "bob"}
	for _, f := range [][2]string{{"uid", "5"}, {"gid", "mail"}, {"home", "/h"}, {"quota_rule10", "c"}, {"quota_rule", "a"}, {"quota_rule2", "b"}, {"x", ""}, {"system_groups_user", "no-such-user"}} {
		if err := u.Set(f[0], f[1]); err != nil {
			t.Error(err)
		}
	}
	u.Finish()
	if u.UID != 5 || u.GID != 8 || u.Home != "/h" || !slices.Equal(u.QuotaRules, []string{"a", "b", "c"}) || len(u.Fields) != 2 || u.Groups != nil {
		t.Errorf("got %+v", u)
	}
	if err := u.Set("uid", "no-such-user"); err == nil {
		t.Error("no error for a bad uid")
	}
}
