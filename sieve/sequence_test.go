package sieve

import (
	"context"
	"strings"
	"testing"
	"time"

	"dovetail/internal/message"
)

// TestRunSequence has Pigeonhole's results (sieve-test with -s), but for those marked.
func TestRunSequence(t *testing.T) {
	const require = `require ["fileinto", "copy", "imap4flags", "editheader", "variables", "reject"]; `
	tests := []struct {
		name    string
		scripts []string // "-" is one that is not there
		discard string
		want    string
	}{
		{"none", nil, "", "implicit keep"},
		{"nothing asked", []string{"", "-", ""}, "", "implicit keep"},
		{"the last one keeps", []string{"", "keep;"}, "", "keep"},
		{"a keep goes on", []string{"keep;", `fileinto "a";`}, "", "store a"},
		{"a keep that goes on is no action", []string{"keep;", ""}, "", "implicit keep"},
		{"cancelled", []string{"discard;", `fileinto "a";`}, "", "discard"},
		{"filed", []string{`fileinto "a";`, `fileinto "b";`}, "", "store a"},
		{"copied", []string{`fileinto :copy "a";`, `fileinto "b";`}, "", "store a copy, store b"},
		{"stop is of one script", []string{"stop;", `fileinto "b";`}, "", "store b"},
		{"flags go on", []string{`addflag "Junk";`, `fileinto "a";`}, "", "store a [Junk]"},
		{"flags of a keep do not", []string{`addflag "x"; keep :flags "y";`, "keep;"}, "", "keep [x]"},
		{"flags of a keep stay for an implicit one", []string{`addflag "x"; keep :flags "y";`, `addflag "z";`}, "", "implicit keep [y]"},
		{"flags set after a keep do", []string{`keep; addflag "x";`, `fileinto "a";`}, "", "store a [x]"},
		{"own flags instead", []string{`addflag "Junk";`, `fileinto :flags "y" "a";`}, "", "store a [y]"},
		{"flags are added to", []string{`addflag "Junk";`, `addflag "y"; keep;`}, "", "keep [Junk y]"},
		{"flags of the implicit keep", []string{`addflag "Junk";`, ""}, "", "implicit keep [Junk]"},
		{"variables do not go on", []string{`set "x" "a";`, `if string "${x}" "a" { discard; }`}, "", "implicit keep"},
		{"the edited message does", []string{`addheader "X-Mark" "y";`, `if header "x-mark" "y" { discard; }`}, "", "discard"},
		{"done once", []string{`redirect :copy "a@b.c"; keep;`, `redirect :copy "a@b.c"; fileinto "a";`}, "", "redirect a@b.c copy, store a"},
		// RFC 3894 section 3: without :copy the keep is cancelled; Pigeonhole keeps.
		{"done once, but not kept", []string{`fileinto :copy "a";`, `fileinto "a";`}, "", "store a copy"},
		{"reject after a copy", []string{`fileinto :copy "a";`, `reject "no";`}, "", "store a copy, reject"},
		{"the limit is for all", []string{`redirect :copy "a@b.c"; redirect :copy "b@b.c"; redirect :copy "c@b.c";`,
			`redirect "d@b.c"; redirect "e@b.c";`}, "",
			"redirect a@b.c copy, redirect b@b.c copy, redirect c@b.c copy, implicit keep, error"},
		{"an error", []string{`fileinto :copy "a"; addflag "x"; addheader "X-Mark" "y";`, `discard; redirect "${x}";`, "discard;"}, "",
			"store a copy, implicit keep, error"},
		{"discard script", []string{"discard;"}, `fileinto "Trash";`, "discard, store Trash"},
		{"discard script that does nothing", []string{"discard;"}, "", "discard"},
		{"discard script after a delivery", []string{`fileinto "a";`}, `fileinto "Trash";`, "store a"},
		{"discard script after a keep", []string{""}, `fileinto "Trash";`, "implicit keep"},
		{"discard script that fails", []string{"discard;"}, `redirect "${x}";`, "discard, implicit keep, error"},
	}
	e := newEngine(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var scripts []*Program
			for _, src := range tt.scripts {
				if src == "-" {
					scripts = append(scripts, nil)
				} else {
					scripts = append(scripts, compile(t, e, "s", require+src))
				}
			}
			discard := compile(t, e, "discard", require+tt.discard)
			msg := message.Parse([]byte(testMessage))
			res := RunSequence(context.Background(), scripts, discard, msg, testEnv())
			if got := show(res); got != tt.want {
				t.Errorf("got %q, want %q (%v)", got, tt.want, res.Err)
			}
			if res.Err != nil && res.Keep.Message != msg {
				t.Error("what is kept after an error is not the message as it came")
			}
			if res.Err == nil && res.Keep != nil && res.Keep.Message != res.Message {
				t.Error("the implicit keep has not the edited message")
			}
		})
	}
}

func TestSequenceLog(t *testing.T) {
	e := newEngine(t, Options{})
	bad := `require ["regex", "variables"]; set "x" "["; if header :regex "to" "${x}" { stop; }`
	scripts := []*Program{compile(t, e, "one", bad), compile(t, e, "two", bad)}
	res := RunSequence(context.Background(), scripts, nil, message.Parse([]byte(testMessage)), testEnv())
	if res.Err != nil || len(res.Log) != 2 || !strings.HasPrefix(res.Log[1].String(), "two:1:68: error: invalid regular expression") {
		t.Errorf("%v, %v", res.Err, res.Log)
	}
}

const mimeMessage = "Subject: x\nDate: Mon, 2 Nov 2026 08:00:00 +0000\nContent-Type: multipart/mixed; boundary=A\n\n" +
	"--A\n\none\n--A\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<p>=E9\n" +
	"--A\nContent-Type: message/rfc822\n\nX: y\n\nz\n--A--\n"

// FuzzRun compiles and runs whatever comes, with small limits: no panic, a result
// that says what becomes of the message, and the same with a trace.
func FuzzRun(f *testing.F) {
	e := newEngine(f, Options{
		Extensions: "+editheader +mboxmetadata +servermetadata +vacation-seconds +extlists +special-use +vnd.dovecot.pipe +vnd.dovecot.environment",
		Limits:     Limits{Steps: 1000, Syntax: SyntaxLimits{ScriptSize: 1 << 12, StringSize: 1 << 10}},
	})
	const all = `require ["fileinto", "copy", "imap4flags", "editheader", "variables", "reject", "regex", "relational",
		"envelope", "subaddress", "encoded-character", "mailbox", "environment", "comparator-i;ascii-numeric", "body", "date", "index",
		"mime", "foreverypart", "extracttext", "replace", "enclose", "vacation", "vacation-seconds", "enotify", "duplicate", "include",
		"ihave", "extlists", "special-use", "mailboxid", "fcc", "vnd.dovecot.environment", "comparator-i;unicode-casemap"]; `
	for src, msg := range map[string]string{
		`if anyof (header :matches "subject" "*a?b*", address :detail :regex ["to"] "^(a|b)+$") { fileinto :create "${1}"; }`:                                                              testMessage,
		`set :lower :quotewildcard "a" "${hex:41}*"; addflag "x"; keep :flags ["a", "b"]; redirect :copy "a@b.c";`:                                                                         testMessage,
		`addheader "X" "y"; deleteheader :index 1 :contains "To" "a"; discard; reject text:` + "\nno\n.\n;":                                                                                testMessage,
		`if not allof (size :over 1K, exists ["a", "b"], envelope :count "ge" "from" "1") { stop; } elsif true { keep; } else { }`:                                                         testMessage,
		`foreverypart :name "p" { if header :mime :type :matches "content-type" "*" { extracttext :first 10 "v"; break :name "p"; } }`:                                                     mimeMessage,
		`replace :subject "s" :from "a@b.c" "text"; enclose :subject "x" "y"; vacation :seconds 9 :fcc "Sent" "gone"; notify "mailto:a@b.c";`:                                              mimeMessage,
		`if body :content "text" :matches "*" { keep; } if date :index 1 :zone "+0100" "date" "hour" "09" { stop; } if duplicate :handle "x" { keep; }`:                                    mimeMessage,
		`if address "from" "anna@example.com" { keep; } if address "from" "x@y" { discard; } if header "subject" "hello" { fileinto "a"; } elsif address :localpart "to" "bert" { stop; }`: testMessage,
		`if hasflag "x" { if ihave "x" { stop; } } include :optional "y"; return; removeflag "v" ["a"]; if currentdate :value "ge" "date" "2000" { error "e"; }`:                           "",
	} {
		if _, diags := e.Compile("seed", []byte(all+src), true); diags.HasErrors() {
			f.Fatal(diags)
		}
		f.Add(src, msg)
	}
	f.Fuzz(func(t *testing.T, src, msg string) {
		p, diags := e.Compile("f", []byte(all+src), true)
		if (p == nil) != diags.HasErrors() {
			t.Fatalf("program %v, findings %v", p, diags)
		}
		if p == nil {
			return
		}
		env := testEnv()
		env.Now = func() time.Time { return time.Unix(1.7e9, 0) }
		res := RunSequence(context.Background(), []*Program{p, p}, nil, message.Parse([]byte(msg)), env)
		if len(res.Actions) == 0 && res.Keep == nil {
			t.Error("nobody gets the message, and nobody said so")
		}
		if (res.Err != nil) != res.Log.HasErrors() && res.Err != nil {
			t.Errorf("error %v is not in the log %v", res.Err, res.Log)
		}
		// With a trace every test is looked at; without, most of many rules are not.
		env.Trace = func(Event) {}
		traced := RunSequence(context.Background(), []*Program{p, p}, nil, message.Parse([]byte(msg)), env)
		if res.Err == nil && traced.Err == nil && show(res) != show(traced) {
			t.Errorf("%s, with a trace %s", show(res), show(traced))
		}
	})
}
