package expand

import (
	"os"
	"strings"
	"testing"
)

// TestAsDovecot compares with what a real Dovecot 2.3 answered.
func TestAsDovecot(t *testing.T) {
	golden, err := os.ReadFile("testdata/dovecot-2.3.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			continue
		}
		tm, err := Parse(f[0])
		if err != nil {
			t.Error(err)
			continue
		}
		if got := tm.Expand(&Vars{User: f[1]}); got != f[2] {
			t.Errorf("%s of %s: got %q, Dovecot says %q", f[0], f[1], got, f[2])
		}
	}
}

func TestExpand(t *testing.T) {
	vars := &Vars{User: "Bob@Example.ORG", Home: "/srv/bob", UID: 1000, GID: 100, Service: "lmtp", Hostname: "mx", LocalIP: "::1", RemoteIP: "::2"}
	tests := []struct{ template, want string }{
		{"", ""},
		{"plain", "plain"},
		{"100%%", "100%"},
		{"%h:%i:%{gid}:%s:%l:%r:%{hostname}", "/srv/bob:1000:100:lmtp:::1:::2:mx"},
		{"%04i %2i %-2.2i", "1000 10 00"},
		{"%-3u %0.-14u", "Bob B"},
		{"%Xi", "3e8"},
		{"%{auth_user} %{owner_username} %{protocol}", "Bob@Example.ORG Bob lmtp"},
		{"/srv/%{user | domain | lower}/%{user|username|lower}", "/srv/example.org/bob"},
		{"%{ user | upper }", "BOB@EXAMPLE.ORG"},
		{"%{user | username | substr(0, 2)}", "Bo"},
		{"%{user | username | substr(-2)}", "ob"},
		{"%{user | username | substr(1, -1)}", "o"},
		{"%{user | username | substr(9, 3)}", ""},
		{"%{user | truncate(3)}", "Bob"},
		{"%{user | reverse}", "GRO.elpmaxE@boB"},
		{"%{user | md5 | hexlify}", "48f0357e8c6ecef8a2e4450006d8be24"},
		{"%{user | domain | domain | default(hostname)}", "mx"},
		{"%{user | domain | default('x y')}", "Example.ORG"},
		{`%{'it\'s' | concat(' ', username, "!")}`, "it's Bob!"},
		{"%{user | domain | ldap_dn}", "Example,dc=ORG"},
		{"%{home | base64}", "L3Nydi9ib2I="},
	}
	for _, tt := range tests {
		tm, err := Parse(tt.template)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := tm.Expand(vars); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.template, got, tt.want)
		}
		if tm.String() != tt.template {
			t.Errorf("String of %s: %s", tt.template, tm)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ template, want string }{
		{"a%", `"a%": a % sign stands at the end`},
		{"%99999u", "wider than 4096"},
		{"%L", "a % sign stands at the end"},
		{"%y", "unknown variable %y"},
		{"%{user", "no closing }"},
		{"%{usr}", `unknown variable "usr"`},
		{"%{}", `unknown variable ""`},
		{"%{env:HOME}", "unknown variable %{env:HOME}"},
		{"%{if;%d;eq;;a;b}", "unknown variable"},
		{"%{user | lowr}", `unknown filter "lowr"`},
		{"%{user | substr}", `filter "substr" takes 1 to 2 arguments`},
		{"%{user | substr('a')}", `filter "substr" takes numbers`},
		{"%{user | lower(1)}", `filter "lower" takes 0 to 0 arguments`},
		{"%{user | default(usr)}", `unknown variable "usr"`},
		{"%{user | default('a)}", "a quoted string has no end"},
		{"%{user | substr(1 2)}", "cannot read the arguments"},
		{"%{user lower}", `cannot read "lower"`},
		{"%{sha256;rounds=0:user}", `"0" is not a number from 1 on`},
		{"%{sha256;format=oct:user}", `unknown format "oct"`},
		{"%{sha256;round=1:user}", `unknown argument "round"`},
		{"%{sha256:usr}", `unknown variable "usr"`},
	}
	for _, tt := range tests {
		if _, err := Parse(tt.template); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.template, err, tt.want)
		}
	}
}

func TestPath(t *testing.T) {
	tests := []struct {
		template, user, want string
		bad                  bool
	}{
		{"/srv/%d/%n", "bob@example.org", "/srv/example.org/bob", false},
		{"/srv/%d/%n", "bob", "/srv//bob", false},
		{"/srv/%n", "..", "", true},
		{"/srv/%n", ".", "", true},
		{"/srv/%n", "../etc", "", true},
		{"/srv/%u", "a/b", "", true},
		{"/srv/%n", "..@example.org", "", true},
		{"/srv/%2n/%n", "..x", "", true},
		{"/srv/%1n%1n/x", ".a", "", true},
		{"/srv/%d/x", "bob@..", "", true},
		{"/srv/.%n", ".", "", true},
		{"/srv/../%n", "bob", "/srv/../bob", false},
		{"/srv/../%n", "..", "", true},
		{"/srv/%n", "a\x00b", "", true},
		{"maildir:/srv/%n:INDEX=/var/%n", "bob", "maildir:/srv/bob:INDEX=/var/bob", false},
		{"maildir:/srv/%n", "a:INBOX=", "", true},
		{"maildir:%h/Maildir", "a", "maildir:/home/x/Maildir", false},
		{"%{user | default('a/b')}", "", "", true},
	}
	for _, tt := range tests {
		got, err := MustParse(tt.template).Path(&Vars{User: tt.user, Home: "/home/x"}, ":")
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%s of %q: got %q, %v", tt.template, tt.user, got, err)
		}
	}
}

func TestUses(t *testing.T) {
	tm := MustParse("/x/%Ld/%{user | username}/%{sha256:home}")
	for name, want := range map[string]bool{"domain": true, "user": true, "home": true, "uid": false} {
		if tm.Uses(name) != want {
			t.Errorf("Uses(%q) is not %v", name, want)
		}
	}
	if tm.Constant() || !MustParse("/100%%/x").Constant() {
		t.Error("Constant is wrong")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"%Lu", "%2.256Nu", "%{user | lower | substr(1, 2)}", "%{sha1;rounds=2,truncate=9:user}", "%-0.-9u", "%{'a' | concat(\"b\")}"} {
		f.Add(s, "bob@example.org")
	}
	f.Fuzz(func(t *testing.T, s, user string) {
		if strings.Contains(s, "rounds") || len(s) > 200 {
			return // a site may ask for many rounds; the fuzzer shall not
		}
		tm, err := Parse(s)
		if err != nil {
			return
		}
		tm.Expand(&Vars{User: user, Home: "/h"})
		if path, err := tm.Path(&Vars{User: user}, ":"); err == nil && !strings.Contains(s, ".") && strings.Contains("/"+path+"/", "/../") {
			t.Errorf("%q with %q leads out: %q", s, user, path)
		}
	})
}
