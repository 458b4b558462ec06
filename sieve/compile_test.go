package sieve

import (
	"fmt"
	"strings"
	"testing"
)

// TestCompileErrors has every finding of a script, with positions, as many as
// Pigeonhole finds and in its words.
func TestCompileErrors(t *testing.T) {
	const failed = "validation failed"
	tests := []struct {
		name, src string
		want      []string
	}{
		{"semicolon left out", "keep\nbogus;", []string{
			"1:1: missing semicolon ';' after keep command", failed}},
		{"unknown command once", "bogus;\nif bogus { bogus; }\nother;", []string{
			"1:1: unknown command 'bogus' (only reported once at first occurrence)",
			"3:1: unknown command 'other' (only reported once at first occurrence)", failed}},
		{"test as command", "header \"a\" \"b\";", []string{"1:1: attempted to use test 'header' as command", failed}},
		{"command as test", "if keep { stop; }", []string{"1:4: attempted to use command 'keep' as test", failed}},
		{"unknown tag once", "keep :x;\nkeep :x;\nkeep :y;", []string{
			"1:6: unknown tagged argument ':x' for the keep command (reported only once at first occurrence)",
			"3:6: unknown tagged argument ':y' for the keep command (reported only once at first occurrence)", failed}},
		{"tag of an extension not required", `require "fileinto"; fileinto :copy "x";`, []string{
			"1:30: unknown tagged argument ':copy' for the fileinto command (reported only once at first occurrence)", failed}},
		{"duplicate tags", `if header :is :contains "a" "b" { keep; } if header :comparator "i;octet" :comparator "i;octet" "a" "b" { keep; }`, []string{
			"1:15: encountered duplicate MATCH-TYPE argument (:contains) for the header test",
			"1:75: encountered duplicate :comparator argument for the header test", failed}},
		{"tag among positionals", `if header "a" :is "b" { keep; }`, []string{
			"1:15: encountered an unexpected tagged argument ':is' while validating positional arguments for the header test", failed}},
		{"number of arguments", `keep "x"; redirect; if header "a" { keep; }`, []string{
			"1:1: the keep command requires 0 positional argument(s), but 1 is/are specified",
			"1:11: the redirect command requires 1 positional argument(s), but 0 is/are specified",
			"1:24: the header test requires 2 positional argument(s), but 1 is/are specified", failed}},
		{"kinds of arguments", `redirect 1; if header "a" 2 { keep; } if size :over "x" { keep; }`, []string{
			"1:10: the redirect command expects a string as argument 1 (address), but a number was found",
			"1:27: the header test expects a string list as argument 2 (key list), but a number was found",
			"1:53: the size test expects a number as argument 1 (limit), but a string was found", failed}},
		{"value of a tag", `if header :comparator "a" { keep; } if header :comparator 1 "a" "b" { keep; }`, []string{
			"1:4: the header test requires 2 positional argument(s), but 0 is/are specified",
			"1:59: the :comparator tag for the header test requires a string as parameter, but a number was found", failed}},
		{"blocks and tests", `if true; keep { stop; } if { stop; } if anyof true { stop; } if not (true) { stop; } if true true { stop; }`, []string{
			"1:1: the if command requires a command block, but it is missing",
			"1:10: the keep command does not accept a command block, but one is specified anyway",
			"1:25: the if command requires one sub-test, but none is specified",
			"1:41: the anyof test requires a list of sub-tests, but a single test is specified",
			"1:65: the not test requires one sub-test, but a list of tests is specified",
			"1:89: the true test accepts no sub-tests, but tests are specified", failed}},
		{"colon left out", `if header contains "a" "b" { keep; }`, []string{
			"1:4: the header test requires 2 positional argument(s), but 0 is/are specified",
			"1:4: missing colon ':' before ':contains' tag in header test", failed}},
		{"else alone", "else { keep; } if true { stop; } keep; elsif true { keep; }", []string{
			"1:1: the else command must follow an if or elseif command",
			"1:40: the elsif command must follow an if or elseif command", failed}},
		{"require", "require [\"bogus\", \"fileinto\", \"keep\"];\nkeep;\nrequire \"copy\";\nif true { require \"copy\"; }", []string{
			"1:10: require command: unknown Sieve capability 'bogus'",
			"1:31: require command: 'keep' is not known as a Sieve capability, but it is known as a Sieve command that is always available",
			"3:1: require commands can only be placed at top level at the beginning of the file",
			"4:11: require commands can only be placed at top level at the beginning of the file", failed}},
		{"comparators", `if header :comparator "i;x" "a" "b" { keep; }`, []string{"1:23: unknown comparator 'i;x'", failed}},
		{"numbers have no parts", `require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "1" { keep; }`, []string{
			"1:49: the specified i;ascii-numeric comparator does not support sub-string matching as required by the :contains match type", failed}},
		{"relation", `require "relational"; if header :count "xx" "a" "1" { keep; }`, []string{
			`1:33: the :count match-type requires a constant string argument being one of "gt", "ge", "lt", "le", "eq" or "ne", but "xx" was found`, failed}},
		{"address of no address field", `if address ["from", "subject"] "x" { keep; }`, []string{
			"1:21: specified header 'subject' is not allowed for the address test", failed}},
		{"address to send to", `redirect "a b";`, []string{
			"1:10: specified redirect address 'a b' is invalid: invalid or lonely local part 'a' (expecting '@')", failed}},
		{"size", `if size 1 { keep; } if size :over :under 1 { keep; }`, []string{
			"1:4: the size test requires either the :under or the :over tag to be specified",
			"1:35: exactly one of the ':under' or ':over' tags must be specified for the size test, but more were found", failed}},
		{"regex", `require "regex"; if header :regex "a" ["b", "["] { keep; }`, []string{
			"1:45: invalid regular expression '[' for regex match: unmatched [, [^, [:, [., or [=", failed}},
		{"variables", "require [\"variables\", \"fileinto\"]; set \"0\" \"a\"; set \"a-b\" \"\"; set \"n.x\" \"\";\nfileinto \"${n.x}${33}\"; set :upper :lower \"a\" \"\";", []string{
			"1:40: cannot assign to match variable",
			"1:53: invalid variable name 'a-b'",
			"1:67: referring to unknown variable namespace 'n'",
			"2:10: referring to unknown variable namespace 'n'",
			"2:10: match value index 33 out of range (max: 32)",
			"2:36: modifiers :upper and :lower specified for the set command conflict having equal precedence", failed}},
		{"characters", `require ["encoded-character", "fileinto"]; fileinto "${unicode:110000}";`, []string{
			"1:53: invalid unicode character 0x00110000 in encoded character substitution", failed}},
		{"a block never run is not looked at", `if false { bogus; } if allof (true, false, bogus) { bogus; } bad;`, []string{
			"1:62: unknown command 'bad' (only reported once at first occurrence)", failed}},
		{"faulty tests and blocks are looked at", `if :x anyof (bogus, header "a") { nonsense; }`, []string{
			"1:4: unknown tagged argument ':x' for the if command (reported only once at first occurrence)",
			"1:14: unknown test 'bogus' (only reported once at first occurrence)",
			"1:21: the header test requires 2 positional argument(s), but 1 is/are specified",
			"1:35: unknown command 'nonsense' (only reported once at first occurrence)", failed}},
		{"envelope", `require "envelope"; if envelope "cc" "x" { keep; }`, []string{
			"1:33: specified envelope part 'cc' is not supported by the envelope test", failed}},
		{"syntax", "keep ];\nkeep (;", []string{
			"1:6: expected end of command ';' or the beginning of a compound block '{', but found ']'",
			"2:7: expecting test identifier after '(' in test list, but found ';'",
			"2:7: expecting ',' or end of test list ')', but found ';'", "parse failed"}},
	}
	e := newEngine(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, diags := e.Compile("s", []byte(tt.src), true)
			if p != nil {
				t.Error("it compiles")
			}
			var got []string
			for _, d := range diags {
				if d.Pos.IsValid() {
					got = append(got, fmt.Sprintf("%d:%d: %s", d.Pos.Line, d.Pos.Col, d.Text))
				} else {
					got = append(got, d.Text)
				}
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestCompileWarns(t *testing.T) {
	p, diags := newEngine(t, Options{}).Compile("s", []byte(`if header "a b:" "x" { keep; }`), false)
	if p == nil || diags.Count(SeverityWarning) != 1 || !strings.Contains(diags.Error(), "s:1:11: warning: specified header field name") {
		t.Errorf("%v", diags)
	}
}

func TestExtensionLists(t *testing.T) {
	const personal, site = false, true
	tests := []struct {
		name       string
		o          Options
		capability string
		global     bool
		want       string // the error; "" for none
	}{
		{"default", Options{}, "fileinto", personal, ""},
		{"not by default", Options{}, "editheader", site, "unknown Sieve capability 'editheader'"},
		{"added", Options{Extensions: "+editheader"}, "editheader", personal, ""},
		{"others stay", Options{Extensions: "+editheader"}, "copy", personal, ""},
		{"taken away", Options{Extensions: "-copy"}, "copy", personal, "unknown Sieve capability 'copy'"},
		{"a list replaces", Options{Extensions: "fileinto editheader"}, "copy", personal, "unknown Sieve capability 'copy'"},
		{"listed", Options{Extensions: "fileinto editheader"}, "editheader", personal, ""},
		{"global for the site", Options{GlobalExtensions: "+editheader"}, "editheader", site, ""},
		{"global for a user", Options{GlobalExtensions: "+editheader"}, "editheader", personal,
			"failed to load Sieve capability 'editheader': its use is restricted to global scripts"},
		{"global wins", Options{Extensions: "+editheader", GlobalExtensions: "editheader"}, "editheader", personal, "restricted to global scripts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := New(tt.o)
			if err != nil || len(e.Warnings()) > 0 {
				t.Fatal(err, e.Warnings())
			}
			p, diags := e.Compile("s", []byte("require \""+tt.capability+"\";"), tt.global)
			switch {
			case tt.want == "" && p == nil:
				t.Error(diags)
			case tt.want != "" && (p != nil || !strings.Contains(diags.Error(), tt.want)):
				t.Errorf("%v, want %q", diags, tt.want)
			}
		})
	}
	e, err := New(Options{Extensions: "+editheader +bogus"})
	if err != nil || len(e.Warnings()) != 1 || !strings.Contains(e.Warnings()[0], "sieve_extensions: unknown Sieve extension 'bogus'") {
		t.Errorf("warnings %v, %v", e.Warnings(), err)
	}
	if caps := strings.Join(e.Capabilities(false), " "); !strings.Contains(caps, "editheader") || !strings.Contains(caps, "comparator-i;octet") {
		t.Errorf("capabilities %s", caps)
	}
}

func TestSettings(t *testing.T) {
	e, err := New(Options{Settings: map[string]string{"sieve_variables_max_scope_size": "12", "recipient_delimiter": "-"}})
	if e == nil || err == nil || !strings.Contains(err.Error(), "sieve_variables_max_scope_size") {
		t.Errorf("engine %v, error %v", e, err)
	}
	for delimiter, want := range map[string]string{"+": "list", "-": "none", "-+": "list"} {
		e := newEngine(t, Options{Settings: map[string]string{"recipient_delimiter": delimiter}})
		p := compile(t, e, "s", `require ["subaddress", "envelope", "variables", "fileinto"]; set "x" "none";
			if envelope :detail :matches "to" "*" { set "x" "${1}"; } fileinto "${x}";`)
		if got := show(runOn(p)); got != "store "+want {
			t.Errorf("delimiter %q: %s", delimiter, got)
		}
	}
	e = newEngine(t, Options{Limits: Limits{Redirects: -1}})
	if p, diags := e.Compile("s", []byte(`redirect "a@b.c";`), false); p != nil || !strings.Contains(diags.Error(), "prohibits") {
		t.Errorf("no redirects: %v", diags)
	}
}
