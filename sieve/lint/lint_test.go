package lint_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"dovetail/sieve"
	"dovetail/sieve/lint"
)

func newEngine(t *testing.T) *sieve.Engine {
	t.Helper()
	e, err := sieve.New(sieve.Options{Extensions: "+vnd.dovecot.pipe", GlobalExtensions: "+editheader"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// warnings gives the findings of rules, "line:column rule".
func warnings(findings []lint.Finding) []string {
	var out []string
	for _, f := range findings {
		if f.Rule != "" {
			out = append(out, fmt.Sprintf("%d:%d %s", f.Pos.Line, f.Pos.Col, f.Rule))
		}
	}
	return out
}

func TestRules(t *testing.T) {
	e := newEngine(t)
	boxes := []string{"INBOX", "Lists", "Entwürfe"}
	for _, c := range []struct {
		script string
		want   string // separated by ", "
	}{
		// pipe-without-try
		{`require ["vnd.dovecot.pipe", "copy"]; pipe :copy "x";`, "1:39 pipe-without-try"},
		{`require ["vnd.dovecot.pipe", "copy"]; pipe :copy :try "x";`, ""},
		{`require ["vnd.dovecot.pipe", "copy", "imapsieve"]; pipe :copy "x";`, ""},
		// missing-mailbox
		{`require "fileinto"; fileinto "List";`, "1:30 missing-mailbox"},
		{`require "fileinto"; fileinto "inbox"; fileinto "Lists"; fileinto "Entwürfe";`, ""},
		{`require ["fileinto", "mailbox"]; fileinto :create "New";`, ""},
		{`require ["fileinto", "mailbox"]; if mailboxexists "New" { fileinto "New"; }`, ""},
		{`require ["fileinto", "mailbox"]; if mailboxexists "Other" { fileinto "New"; }`, "1:70 missing-mailbox"},
		{`require ["fileinto", "variables"]; fileinto "L${x}";`, ""},
		{`require ["fileinto"]; fileinto "L${x}";`, "1:32 missing-mailbox"},
		// constant-test
		{`if true { keep; }`, "1:4 constant-test"},
		{`if false { keep; } elsif not false { stop; }`, "1:4 constant-test, 1:26 constant-test"},
		{`if anyof(exists "a", true) { keep; }`, "1:4 constant-test"},
		{`if allof(exists "a", true) { keep; }`, ""},
		{`if not anyof(false, allof(true, false)) { keep; }`, "1:4 constant-test"},
		// regex
		{`require "regex"; if header :regex "a" ["x", "a^b"] { keep; }`, "1:45 regex-never"},
		{`require "regex"; if header :regex "a" ".*" { keep; }`, "1:39 regex-always"},
		{`require "regex"; if header :regex "a" "(.*)" { keep; }`, "1:39 regex-always"},
		{`require ["regex", "variables"]; if header :regex "a" "(.*)" { set "x" "${1}"; }`, ""},
		{`require ["regex", "variables"]; set "x" "b"; if header :regex "a" "a^${x}" { keep; }`, ""},
		{`require "regex"; if header :regex "a" "^[^@]*$" { keep; }`, ""},
		{`if header "a" ".*" { keep; }`, ""},
		// lost-backslash
		{"require \"regex\"; if header :regex \"a\"\n \"^twitter\\.\" { keep; }", "2:2 lost-backslash"},
		{`require "regex"; if header :regex "a" "^twitter\\." { keep; }`, ""},
		{`if header :matches "a" "\*" { keep; }`, "1:24 lost-backslash"},
		{`if header :matches "a" "\"x\\*" { keep; }`, ""},
		{`if header "a" "\." { keep; }`, ""},
		// address-part
		{`if address :domain "from" ["example.org", "a@example.org"] { keep; }`, "1:43 address-part"},
		{`if address :localpart :contains "from" "a@" { keep; }`, "1:40 address-part"},
		{`if address "from" "a@example.org" { keep; }`, ""},
		{`require "envelope"; if envelope :all "from" "a@example.org" { keep; }`, ""},
		{`require "regex"; if address :domain :regex "from" "@x" { keep; }`, ""},
		// unreachable
		{`stop; keep;`, "1:7 unreachable"},
		{`if exists "a" { stop; keep; stop; } keep;`, "1:23 unreachable"},
		{`if exists "a" { stop; } keep;`, ""},
		{`if exists "a" { stop; } else { stop; } keep;`, "1:40 unreachable"},
		{`if exists "a" { stop; } elsif exists "b" { keep; } else { stop; } keep;`, ""},
		{`if exists "a" { if exists "b" { stop; } else { stop; } } else { stop; } keep;`, "1:73 unreachable"},
		{`require "include"; return; keep;`, "1:28 unreachable"},
		{`require "foreverypart"; foreverypart { break; stop; } keep;`, "1:47 unreachable"},
		// repeated-test
		{`if exists "a" { keep; } elsif exists "b" { stop; } elsif exists "a" { discard; }`, "1:58 repeated-test"},
		{`if exists "a" { keep; } if exists "a" { stop; }`, ""},
		// useless-discard
		{`keep; discard;`, "1:7 useless-discard"},
		{`require "fileinto"; discard; fileinto "Lists";`, "1:21 useless-discard"},
		{`require ["fileinto", "copy"]; fileinto :copy "Lists"; discard;`, ""},
		{`if exists "a" { keep; } else { discard; }`, ""},
		// unused-require
		{`require ["fileinto", "copy", "envelope"]; fileinto "Lists";`, `1:22 unused-require, 1:30 unused-require`},
		{`require ["variables", "regex", "relational", "subaddress", "encoded-character", "body"]; keep;`,
			"1:10 unused-require, 1:23 unused-require, 1:32 unused-require, 1:46 unused-require, 1:60 unused-require, 1:81 unused-require"},
		{`require ["variables", "relational", "comparator-i;ascii-numeric"]; if header :value "gt" :comparator "i;ascii-numeric" "a" "${1}" { keep; }`, ""},
		{`require ["encoded-character"]; if header "a" "${hex:40}" { keep; }`, ""},
		{`require ["environment"]; if environment "domain" "x" { keep; }`, ""},
		{`require ["ihave", "fileinto"]; if ihave "x" { keep; }`, ""},
		{`require ["envelope", "subaddress"]; if envelope :detail "to" "x" { keep; }`, ""},
		{`require ["mailbox", "imap4flags", "fileinto"]; fileinto :create :flags "\\Seen" "Lists";`, ""},
	} {
		findings := lint.Script(e, "test", []byte(c.script), lint.Options{Mailboxes: boxes})
		if lint.HasErrors(findings) {
			t.Errorf("%s: %v", c.script, findings)
		}
		if got := strings.Join(warnings(findings), ", "); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.script, got, c.want)
		}
		if left := lint.Script(e, "test", []byte(c.script), lint.Options{Mailboxes: boxes, NoWarnings: true}); len(left) > 0 {
			t.Errorf("%s: %v without warnings", c.script, left)
		}
	}
}

func TestHints(t *testing.T) {
	e := newEngine(t)
	for _, c := range []struct{ script, pos, hint string }{
		{`fielinto "x";`, "1:1", "did you mean fileinto?"},
		{`fileinto "x";`, "1:1", `needs require "fileinto"`},
		{`if hedaer "a" "b" { keep; }`, "1:4", "did you mean header?"},
		{`if envelope "from" "b" { keep; }`, "1:4", `needs require "envelope"`},
		{`if header :contain "a" "b" { keep; }`, "1:11", "did you mean contains?"},
		{`if header :regex "a" "b" { keep; }`, "1:11", `needs require "regex"`},
		{`require "fileinto"; fileinto :copy "x";`, "1:30", `needs require "copy"`},
		{`keep :copy;`, "1:6", "keep does not take :copy"},
		{`if header :comparator "i;ascii-numeric" "a" "b" { keep; }`, "1:23", `needs require "comparator-i;ascii-numeric"`},
		{`if header :comparator "i;ascii-casmap" "a" "b" { keep; }`, "1:23", "did you mean i;ascii-casemap?"},
		{`require "imap4flgs";`, "1:9", "did you mean imap4flags?"},
		{`require "imap4flag";`, "1:9", "did you mean imap4flags?"},
		{`require "setflag";`, "1:9", `needs require "imap4flags" or "imapflags"`},
		{`require "keep";`, "1:9", "leave it out"},
		{`require "editheader";`, "1:9", "sieve_global_extensions keeps it for the site's scripts (sieve check --global); to allow it to users take it out there and add +editheader to sieve_extensions"},
		{`require "vnd.dovecot.filter";`, "1:9", "to allow it add +vnd.dovecot.filter to sieve_extensions, or for the site's scripts alone to sieve_global_extensions"},
		{`addheader "X" "y";`, "1:1", `needs require "editheader"; sieve_global_extensions keeps it for the site's scripts (sieve check --global); to allow it to users take it out there and add +editheader to sieve_extensions`},
	} {
		findings := lint.Script(e, "test", []byte(c.script), lint.Options{})
		i := slices.IndexFunc(findings, func(f lint.Finding) bool { return f.Severity == sieve.SeverityError })
		if i < 0 {
			t.Errorf("%s: no error", c.script)
			continue
		}
		f := findings[i]
		if pos := fmt.Sprintf("%d:%d", f.Pos.Line, f.Pos.Col); pos != c.pos || f.Hint != c.hint || f.Line != c.script {
			t.Errorf("%s: %s %s\n got %q\nwant %q", c.script, pos, f.Text, f.Hint, c.hint)
		}
	}
}

// The findings are those of the compiler and of the rules, in the order of the
// script; those without a place come last.
func TestScript(t *testing.T) {
	e := newEngine(t)
	src := "require \"fileinto\";\nif true { fileinto \"x\"; }\nnonsense;\nstop;\nkeep;\n"
	var got []string
	for _, f := range lint.Script(e, "s", []byte(src), lint.Options{}) {
		got = append(got, fmt.Sprintf("%d %v %s", f.Pos.Line, f.Severity, f.Rule))
	}
	want := []string{"2 warning constant-test", "3 error ", "5 warning unreachable", "0 error "}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, broken := range []string{"", "keep", "if {", "\"", "require \"fileinto\"; fileinto", "{}", "text:\n"} {
		lint.Script(e, "s", []byte(broken), lint.Options{Mailboxes: []string{}}) // must not panic
	}
}

// The site's own scripts have what the rules are for, and nothing wrong.
func TestGlobal(t *testing.T) {
	e := newEngine(t)
	src := `require "editheader"; addheader "X" "y";`
	if f := lint.Script(e, "s", []byte(src), lint.Options{Global: true}); len(f) != 0 {
		t.Errorf("%v", f)
	}
}

// The compiler and lint agree on what is broken, with another script included, and
// nothing is said twice.
func FuzzScript(f *testing.F) {
	f.Add(`require ["fileinto", "regex"]; if header :regex "a" "\.^" { fileinto "x"; stop; } else { discard; }`, "")
	f.Add("if allof(true, not false) { } elsif true {}", "")
	f.Add(`require ["include", "variables"]; global "x"; include "a"; include :global "a"; keep;`,
		`require ["include", "variables"]; global "x"; set "x" "${global.y}"; if true { include :once "a"; } else { stop; }`)
	e, err := sieve.New(sieve.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script, other string) {
		source := texts{"a.sieve": other, "global/a.sieve": other}
		_, diags := e.CompileFrom("s", []byte(script), true, source)
		findings := lint.Script(e, "s", []byte(script), lint.Options{Global: true, Mailboxes: []string{"INBOX"}, Source: source})
		if lint.HasErrors(findings) != diags.HasErrors() {
			t.Errorf("errors: %v; the compiler has %v", findings, diags)
		}
		said := map[lint.Finding]bool{}
		for _, f := range findings {
			if said[f] {
				t.Errorf("said twice: %v", f)
			}
			said[f] = true
		}
	})
}

// A long script takes no more work than its length is worth, which shows in the
// memory that is taken for it.
func TestLongScript(t *testing.T) {
	script := `require "regex"; if header :regex "X" [` + strings.Repeat("\"a.b\",\n", 20_000) + `"b"] { discard; }`
	e := newEngine(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	findings := lint.Script(e, "x", []byte(script), lint.Options{})
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; len(findings) != 0 || took > 1<<29 {
		t.Errorf("%d bytes, %v", took, findings)
	}
}
