package sieve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

const testMessage = `From: "Anna Example" <anna@example.com>
To: bert+list@example.org, "Carl, the third" <carl@EXAMPLE.net>
Cc: undisclosed-recipients:;
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus dem Tal
X-Number: 42
X-Empty:
X-Folded: one
 two

Body.
`

func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.Extensions == "" {
		o.Extensions = "+editheader +vnd.dovecot.pipe"
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func compile(t testing.TB, e *Engine, name, src string) *Program {
	t.Helper()
	p, diags := e.Compile(name, []byte(src), true)
	if p == nil {
		t.Fatal(diags)
	}
	return p
}

func testEnv() *Env {
	return &Env{Envelope: &message.Envelope{From: "anna@example.com", To: "bert+list@example.org"}, User: "bert"}
}

// show writes a result as one line.
func show(res *Result) string {
	var out []string
	for _, a := range res.Actions {
		out = append(out, showAction(a))
	}
	if res.Keep != nil {
		out = append(out, "implicit "+showAction(res.Keep))
	}
	if res.Err != nil {
		out = append(out, "error")
	}
	return strings.Join(out, ", ")
}

func showAction(a action.Action) string {
	s := a.Name()
	switch a := a.(type) {
	case *action.Store:
		if a.Mailbox != "" {
			s += " " + a.Mailbox
		}
		if a.Copy {
			s += " copy"
		}
		if len(a.Flags) > 0 {
			s += fmt.Sprint(" ", a.Flags)
		}
	case *action.Redirect:
		s += " " + a.Address
		if a.Copy {
			s += " copy"
		}
	case *action.Pipe:
		s += " " + a.Program
	}
	return s
}

// TestTests runs one test command each: want tells whether it is true.
func TestTests(t *testing.T) {
	const all = `require ["envelope", "variables", "relational", "subaddress", "regex", "encoded-character",
		"comparator-i;ascii-numeric"]; `
	tests := []struct {
		test string
		want bool
	}{
		{`true`, true},
		{`not true`, false},
		{`allof (true, not false)`, true},
		{`anyof (false, false)`, false},
		{`anyof (header "x-none" "", exists "from")`, true},
		{`exists ["from", "TO", "x-empty"]`, true},
		{`exists ["from", "x-none"]`, false},
		{`size :over 300`, false},
		{`size :over 200`, true},
		{`size :under 1K`, true},
		{`header "subject" "GRÜßE AUS DEM TAL"`, false}, // ASCII letters alone are folded
		{`header "subject" "grüße aus dem tal"`, true},
		{`header "subject" "Grüße AUS dem tal"`, true},
		{`header :comparator "i;octet" "subject" "Grüße AUS dem tal"`, false},
		{`header :contains ["x-none", "subject"] ["x", "AUS"]`, true},
		{`header :contains "x-empty" ""`, true},
		{`header :contains "x-none" ""`, false},
		{`header "x-folded" "one two"`, true},
		{`header "subject:" ""`, false},
		{`header :matches "subject" "gr*dem ???"`, true},
		{`header :matches "subject" "gr*dem ??"`, false},
		{`header :matches "subject" "*\\*"`, false},
		{`header :matches "x-number" "\\42"`, true},
		{`header :regex "subject" "^gr.*(tal|berg)$"`, true},
		{`header :regex :comparator "i;octet" "subject" "^gr"`, false},
		{`header :value "ge" :comparator "i;ascii-numeric" "x-number" "042"`, true},
		{`header :value "gt" :comparator "i;ascii-numeric" "x-number" "9"`, true},
		{`header :value "gt" "x-number" "9"`, false},
		{`header :count "eq" :comparator "i;ascii-numeric" ["from", "to", "x-none"] "2"`, true},
		{`address "from" "ANNA@EXAMPLE.COM"`, true},
		{`address :domain "to" "example.net"`, true},
		{`address :localpart "to" "bert"`, false},
		{`address :user "to" "bert"`, true},
		{`address :detail "to" "list"`, true},
		{`address :detail "from" ""`, false},
		{`address :count "eq" "to" "2"`, true},
		{`address :contains ["to", "cc"] "undisclosed-recipients"`, true},
		{`address :domain :contains "cc" "undisclosed"`, false},
		{`envelope "from" "anna@example.com"`, true},
		{`envelope :detail "to" "list"`, true},
		{`envelope "auth" ""`, false},
		{`string "${hex:61}${unicode:fc}" "aü"`, true},
		{`string "${hex:6x}${HEX: 61 62 }${hex:}" "${hex:6x}ab${hex:}"`, true},
		{`string "${none}a${1" "a${1"`, true},
		{`string "A" "a"`, false},
		{`string :count "eq" ["a", "", "b"] "2"`, true},
	}
	e := newEngine(t, Options{})
	for _, tt := range tests {
		p := compile(t, e, "t", all+"if "+tt.test+" { discard; }")
		res := p.Run(context.Background(), message.Parse([]byte(testMessage)), testEnv())
		if res.Err != nil || (res.Keep == nil) != tt.want {
			t.Errorf("%s is %v (%v), want %v", tt.test, res.Keep == nil, res.Err, tt.want)
		}
	}
}

// TestVariables files into a mailbox with the value of ${x}.
func TestVariables(t *testing.T) {
	tests := []struct{ script, want string }{
		{`set "X" "a"; set "y" "${x}b"; set "x" "${Y}${y}c";`, "ababc"},
		{`set :upperfirst :lower "x" "ABC";`, "Abc"},
		{`set :lowerfirst :upper "x" "abc";`, "aBC"},
		{`set :length "x" "grün";`, "4"},
		{`set :quotewildcard "x" "a*\\?";`, `a\*\\\?`},
		{`set :quoteregex "x" "a.b";`, `a\.b`},
		{`if header :matches "subject" "*ü* aus ??m *" { set "x" "${1}|${2}|${3}|${4}|${5}|${6}"; }`, "Gr|ße|d|e|Tal|"},
		{`if header :matches "subject" "Gr*" { if header :matches "to" "x*" { stop; } set "x" "${0}-${1}"; }`,
			"Grüße aus dem Tal-üße aus dem Tal"},
		{`if header :regex "subject" "(au)(x)?(s) (d.m)" { set "x" "${0}|${1}|${2}|${3}|${4}"; }`, "aus dem|au||s|dem"},
		{`if header :contains "subject" "aus" { set "x" "[${0}]"; }`, "[]"}, // :contains sets none
		{`if address :all :matches "to" "*@example.net" { set "x" "${1}"; }`, "carl"},
		{`set "x" "` + strings.Repeat("ü", 3000) + `"; if string :matches "${x}" "*" { set :length "x" "${x}"; }`, "2048"},
	}
	e := newEngine(t, Options{})
	for _, tt := range tests {
		p := compile(t, e, "t", `require ["variables", "regex", "fileinto", "relational"]; `+tt.script+` fileinto "${x}";`)
		res := p.Run(context.Background(), message.Parse([]byte(testMessage)), testEnv())
		if got := show(res); got != "store "+tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.script, got, tt.want, res.Err)
		}
	}
}

func TestActions(t *testing.T) {
	const all = `require ["fileinto", "copy", "imap4flags", "variables", "reject"]; `
	tests := []struct{ name, script, want string }{
		{"nothing", ``, "implicit keep"},
		{"keep", `keep; keep;`, "keep"},
		{"discard", `discard;`, "discard"},
		{"discard and keep", `discard; keep;`, "discard, keep"},
		{"fileinto", `fileinto "a"; fileinto "b"; fileinto "a";`, "store a, store b"},
		{"copy", `fileinto :copy "a";`, "store a copy, implicit keep"},
		{"copy of the same", `fileinto :copy "a"; fileinto "a";`, "store a"},
		{"INBOX is where keep stores", `keep; fileinto "inbox";`, "keep"},
		{"redirect", `redirect "Foo <a@B.c>"; redirect "a@b.C";`, "redirect a@b.c"},
		{"redirect copy", `redirect :copy "a@b.c";`, "redirect a@b.c copy, implicit keep"},
		{"redirects", `redirect "a@b.c"; redirect "b@b.c"; redirect "c@b.c"; redirect "d@b.c"; redirect "e@b.c";`,
			"implicit keep, error"},
		{"bad address at run time", `set "x" "a b"; discard; redirect "${x}";`, "implicit keep, error"},
		{"no mailbox", `fileinto "a"; fileinto "${x}";`, "implicit keep, error"},
		{"stop", `stop; discard;`, "implicit keep"},
		{"stop in a block", `if true { fileinto "a"; stop; } discard;`, "store a"},
		{"elsif", `if header "x" "y" { discard; } elsif exists "to" { fileinto "b"; } else { keep; }`, "store b"},
		{"else", `if header "x" "y" { discard; } elsif false { fileinto "b"; } else { keep; }`, "keep"},
		{"constant tests", `if true { fileinto "a"; } elsif bogus { nonsense; } else { nonsense; }`, "store a"},
		{"flags", `addflag ["\\Seen", "Junk"]; fileinto "a"; fileinto :flags "x" "b";`, `store a [\Seen Junk], store b [x]`},
		{"flags of the implicit keep", `addflag "Junk";`, "implicit keep [Junk]"},
		{"reject excludes delivery", `keep; reject "no";`, "implicit keep, error"},
	}
	e := newEngine(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, e, "t", all+tt.script)
			msg := message.Parse([]byte(testMessage))
			res := p.Run(context.Background(), msg, testEnv())
			if got := show(res); got != tt.want {
				t.Errorf("got %q, want %q (%v)", got, tt.want, res.Err)
			}
		})
	}
}

// TestSite runs the site's own scripts as they are.
func TestSite(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile("../testdata/site/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	e, err := New(Options{Extensions: "+vnd.dovecot.pipe +vnd.dovecot.environment", GlobalExtensions: "+editheader"})
	if err != nil {
		t.Fatal(err)
	}
	chain := []*Program{compile(t, e, "mark", read("20_rien-mark.sieve")), nil, compile(t, e, "user", read("dovecot.sieve"))}
	tests := []struct{ header, want, mark string }{
		{"To: x@y.example", "implicit keep", ""},
		{"X-Spam-Status: Yes, score=9\nTo: x@y.example", "pipe sa-learn-spam.sh, store Spam [Junk]", "Spam"},
		{"X-Spam-Flag: yes\nTo: undisclosed-recipients:;", "pipe sa-learn-spam.sh, discard", "Spam"},
		{"From: Root <root@host.example>", "implicit keep", "Sysadmin"},
		{"From: list@lists.debian.org", "implicit keep", "Cpu"},
		{"Cc: someone@Facebook.com", "implicit keep", "SocialNetwork"},
	}
	for _, tt := range tests {
		res := RunSequence(context.Background(), chain, nil, message.Parse([]byte(tt.header+"\n\nx\n")), testEnv())
		mark, _ := res.Message.Get("X-Sieve-Mark")
		if got := show(res); got != tt.want || mark != tt.mark || res.Err != nil {
			t.Errorf("%q: %q marked %q (%v), want %q marked %q", tt.header, got, mark, res.Err, tt.want, tt.mark)
		}
	}
}

func TestDecided(t *testing.T) {
	e := newEngine(t, Options{})
	p := compile(t, e, "user", "require [\"fileinto\", \"copy\"];\nfileinto :copy \"a\";\nif true {\n  fileinto \"b\"; }")
	res := p.Run(context.Background(), message.Parse([]byte(testMessage)), testEnv())
	if want := (Decided{Script: "user", Line: 4}); res.Decided != want {
		t.Errorf("decided by %v", res.Decided)
	}
}

func TestRunEnds(t *testing.T) {
	long := strings.Repeat("if header :contains \"subject\" \"x\" { stop; }\n", 500)
	tests := []struct {
		name   string
		limits Limits
		ctx    func() (context.Context, context.CancelFunc)
		want   string
	}{
		{name: "steps", limits: Limits{Steps: 100}, want: "limit of 100 steps"},
		{name: "time", limits: Limits{Time: time.Nanosecond}, want: "time limit"},
		{name: "context", want: "canceled", ctx: func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ctx, cancel
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := context.Background()
			if tt.ctx != nil {
				var cancel context.CancelFunc
				ctx, cancel = tt.ctx()
				defer cancel()
			}
			p := compile(t, newEngine(t, Options{Limits: tt.limits}), "t", "discard;\n"+long)
			res := p.Run(ctx, message.Parse([]byte(testMessage)), testEnv())
			var re *RunError
			if !errors.As(res.Err, &re) || !re.Resource || !strings.Contains(re.Error(), tt.want) || show(res) != "implicit keep, error" {
				t.Errorf("%v: %s", res.Err, show(res))
			}
		})
	}
	many := "require \"fileinto\";\n"
	for i := range 33 {
		many += fmt.Sprintf("fileinto \"%d\";\n", i)
	}
	res := compile(t, newEngine(t, Options{}), "t", many).Run(context.Background(), message.Parse([]byte(testMessage)), testEnv())
	if res.Err == nil || !strings.Contains(res.Err.Error(), "t:34:1: total number of actions exceeds policy limit (33 > 32)") {
		t.Errorf("33 actions: %v", res.Err)
	}
}

func TestTrace(t *testing.T) {
	p := compile(t, newEngine(t, Options{}), "t", `if header :contains "subject" ["x", "aus"] { discard; }`)
	var got []string
	env := testEnv()
	env.Trace = func(e Event) {
		asked := ""
		if e.Action != nil {
			asked = e.Action.Name()
		}
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d:%d %d %s %s %s %v %s", e.Pos.Line, e.Pos.Col, e.Kind, e.Name, e.Key, e.Match, e.Result, asked)))
	}
	p.Run(context.Background(), message.Parse([]byte(testMessage)), env)
	want := []string{
		"1:1 0 if   false",
		"1:4 1 header x :contains i;ascii-casemap false",
		"1:4 1 header aus :contains i;ascii-casemap true",
		"1:4 2 header   true",
		"1:46 0 discard   false",
		"1:46 3 discard   false discard",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func runOn(p *Program) *Result {
	return p.Run(context.Background(), message.Parse([]byte(testMessage)), testEnv())
}
