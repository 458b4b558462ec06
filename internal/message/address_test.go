package message

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// describe writes a list: usable addresses as they are, groups as {name}, what
// is invalid as !.
func describe(list []Address) string {
	var out []string
	for _, a := range list {
		switch {
		case a.Group:
			out = append(out, "{"+a.Name+"}")
		case a.IsMailbox():
			out = append(out, a.String())
		default:
			out = append(out, "!")
		}
	}
	return strings.Join(out, " ")
}

// TestParseAddresses has Dovecot's answers (by Pigeonhole's sieve-test).
func TestParseAddresses(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{" ", ""},
		{"a@b.example", "a@b.example"},
		{"A+det@B.example", "A+det@B.example"},
		{"Foo Bar <a@b.example>, c@b2.example", "a@b.example c@b2.example"},
		{`"Foo, Bar" <a@b.example>`, "a@b.example"},
		{"Foo. Bar <a@b.example>", "a@b.example"},
		{"Foo, Bar <a@b.example>", "! a@b.example"},
		{"(comment) a@b.example (x (nested))", "a@b.example"},
		{`"a b"@example.com`, `"a b"@example.com`},
		{`"a\"b"@b.example`, `"a\"b"@b.example`},
		{"a @ b . example", "a@b.example"},
		{"a\r\n @b.example", "a@b.example"},
		{"a..b@b.example, .a@b.example", `"a..b"@b.example ".a"@b.example`},
		{"a@[127.0.0.1]", "a@[127.0.0.1]"},
		{"<@x.example,@y.example:a@b.example>", "a@b.example"},
		{"a@b.example,", "a@b.example"},
		{",a@b.example", "! a@b.example"},
		{"a@b.example; c@b2.example", "a@b.example"},
		{"a@b.example c@b2.example", "a@b.example"},
		{"foo@example.com <a@b.example>", "foo@example.com"},
		{"a@b@c.example", "a@b"},
		{"mailto:a@b.example", "{mailto} a@b.example {}"},
		{"group: a@b.example, c@b2.example;", "{group} a@b.example c@b2.example {}"},
		{"a@b.example, group:;, c@b2.example", "a@b.example {group} {} c@b2.example"},
		{"undisclosed-recipients:;", "{undisclosed-recipients} {}"},
		{"undisclosed-recipients", "!"},
		{"a b", "!"},
		{"<>", "!"},
		{"<a@b.example", "!"},
		{"Foo <a@>", "!"},
		{"Foo <@example.com>", "!"},
		{"a@b..example", "!"},
		{"(unterminated a@b.example", ""},
		{`"unterminated <a@b.example>`, "!"},
		{"jörg@b.example", "!"},
		{"a@bücher.example", "a@bücher.example"},
	}
	for _, tt := range tests {
		if got := describe(ParseAddresses(tt.in)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestParseAddressesNames(t *testing.T) {
	for _, tt := range []struct{ in, name string }{
		{"Foo Bar <a@b.example>", "Foo Bar"},
		{`"Foo, Bar" <a@b.example>`, "Foo, Bar"},
		{"a@b.example (Foo Bar)", "Foo Bar"},
		{"<a@b.example>", ""},
		{"Foo Bar", "Foo Bar"},
	} {
		list := ParseAddresses(tt.in)
		if len(list) != 1 || list[0].Name != tt.name {
			t.Errorf("%q: %+v", tt.in, list)
		}
	}
}

func TestParseAddressesIsBounded(t *testing.T) {
	if n := len(ParseAddresses(strings.Repeat("a@b.example, ", 10000))); n != MaxAddresses {
		t.Errorf("%d addresses", n)
	}
}

// A hostile header has half a million words: what is put together of them must not be
// copied for each.
func TestParseAddressesIsLinear(t *testing.T) {
	const n = 2000
	for _, text := range []string{
		strings.Repeat("a ", n), strings.Repeat(`"a"`, n), strings.Repeat("a.", n) + "a@b", "a@" + strings.Repeat("b.", n) + "b",
	} {
		if got := testing.AllocsPerRun(1, func() { ParseAddresses(text) }); got > n {
			t.Errorf("%.20q…: %v allocations", text, got)
		}
	}
}

func TestParseAddress(t *testing.T) {
	tests := []struct{ in, want, err string }{
		{"a@B.Example", "a@b.example", ""},
		{" Foo <a@b.example> ", "a@b.example", ""},
		{"(c) a@b.example (c)", "a@b.example", ""},
		{`"a b"@b.example`, `"a b"@b.example`, ""},
		{"a@[1.2.3.4]", "a@[1.2.3.4]", ""},
		{"", "", "empty address"},
		{"a", "", "expecting '@'"},
		{"a@", "", "domain"},
		{"a@b..c", "", "domain"},
		{"@b.example", "", "local part"},
		{"<>", "", "local part"},
		{"<a@b.example", "", "missing '>'"},
		{"a@b.example, c@d.example", "", "not a single address"},
		{"a@b.example x", "", "invalid characters"},
		{"jörg@b.example", "", "invalid local part"},
		{"a@[1.2\r\nBcc: c]", "", "domain"},
		{"<a@[1\x01]>", "", "domain"},
		{"\"a\\\nb\"@b.example", "", "invalid local part"},
	}
	for _, tt := range tests {
		a, err := ParseAddress(tt.in)
		switch {
		case tt.err == "" && (err != nil || a.String() != tt.want):
			t.Errorf("%q: %v, %v", tt.in, a, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%q: %v, error %v, want one about %q", tt.in, a, err, tt.err)
		}
	}
}

func TestParsePath(t *testing.T) {
	bad := "bad"
	tests := []struct{ in, want string }{
		{"", ""}, {"<>", ""}, {"<a@b.example>", "a@b.example"}, {"a@b.example", "a@b.example"},
		{"<MAILER-DAEMON>", "MAILER-DAEMON"}, {`<"a b"@c>`, `"a b"@c`},
		{"<@x.example,@y.example:a@b.example>", "a@b.example"},
		{"<@x.example,y.example:a@b.example>", bad}, {"<@x..example:a@b>", bad}, {"<@x.example a@b>", bad},
		{"<a@b", bad}, {"a@b>", bad}, {"<<a@b>", bad}, {"a b@c", bad}, {"a@@b", bad}, {"a@", bad}, {"a@.b", bad},
		{"a@[1\n2]", bad}, {"<\"a\\\rb\"@c>", bad}, {"a@[1.2.3.4]", "a@[1.2.3.4]"},
	}
	for _, tt := range tests {
		got := bad
		if a, err := ParsePath(tt.in); err == nil {
			got = ""
			if a != (Address{}) {
				got = a.String()
			}
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// FuzzParseAddresses looks for panics, and whether a usable address that is
// written out reads as itself again.
func FuzzParseAddresses(f *testing.F) {
	for _, s := range []string{`"a\"b" <a@b>, g: c@d (x), "q"@[1.2];`, "<@x:a@b>", "(", `"\`, "a@b\r\n c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range ParseAddresses(s) {
			if !a.IsMailbox() || !utf8.ValidString(a.Domain) || strings.ContainsAny(a.Domain, "()\\\r\n") {
				continue
			}
			again := ParseAddresses(a.String())
			if len(again) != 1 || again[0].Local != a.Local || again[0].Domain != a.Domain {
				t.Errorf("%q gave %+v, which reads as %v", s, a, fmt.Sprint(again))
			}
		}
	})
}
