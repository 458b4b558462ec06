package sieve

import (
	"bufio"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// Bounds of the memory that a hostile script or message may take, beyond the message
// itself: at one time, and in all, which is work.
const (
	maxPeak  = 256 << 20
	maxTotal = 1 << 30
)

// peak runs f and looks by how many bytes the heap was larger at most, what is not yet
// collected included, and how many were taken from it.
func peak(t *testing.T, f func()) {
	t.Helper()
	runtime.GC()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(heap)
	before, most, total := heap[0].Value.Uint64(), uint64(0), heap[1].Value.Uint64()
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for end := false; !end; {
			select {
			case <-stop:
				end = true
			case <-time.After(time.Millisecond):
			}
			metrics.Read(heap)
			most = max(most, heap[0].Value.Uint64())
		}
	}()
	start := time.Now()
	f()
	took := time.Since(start)
	close(stop)
	<-stopped
	most -= min(before, most)
	total = heap[1].Value.Uint64() - total
	t.Logf("%v, %.1f MiB, %.1f MiB in all", took.Round(time.Millisecond/10), float64(most)/(1<<20), float64(total)/(1<<20))
	if most > maxPeak {
		t.Errorf("the heap grew by %d bytes", most)
	}
	if total > maxTotal {
		t.Errorf("%d bytes were taken in all", total)
	}
}

// hostile is a script, or a message, that asks for too much.
type hostile struct {
	name, script string
	msg          string            // "" for a short one
	limits       Limits            // small, so that they end what has no other end
	scripts      map[string]string // to include
	compile      string            // in the errors of the compiler, "" when it compiles
	run          string            // in the runtime error, "" when it runs to its end
	log          string            // in the log of a run
	actions      int
}

// Script is Source's.
func (h hostile) Script(_ Location, name string) (string, []byte, error) {
	if src, ok := h.scripts[name]; ok {
		return name, []byte(src), nil
	}
	return name, nil, ErrNoScript
}

func (h hostile) test(t *testing.T) {
	e, err := New(Options{Limits: h.limits, Extensions: "+editheader +imapflags +notify +vnd.dovecot.debug"})
	if err != nil {
		t.Fatal(err)
	}
	msg := message.Parse([]byte(h.msg + "Subject: x\n\nbody\n"))
	peak(t, func() {
		p, diags := e.CompileFrom("hostile", []byte(h.script), false, h)
		if (p == nil) != (h.compile != "") || !strings.Contains(fmt.Sprint(diags), h.compile) {
			t.Fatalf("compiler: %.500v, want %q", fmt.Sprint(diags), h.compile)
		}
		if len(diags) > 1010 {
			t.Errorf("%d findings", len(diags))
		}
		if p == nil {
			return
		}
		res := p.Run(t.Context(), msg, &Env{Envelope: &message.Envelope{From: "s@example.net", To: "u@example.org"}})
		if (res.Err != nil) != (h.run != "") || res.Err != nil && !strings.Contains(res.Err.Error(), h.run) {
			t.Errorf("error %.500v, want %q", res.Err, h.run)
		}
		if log := fmt.Sprint(res.Log); !strings.Contains(log, h.log) {
			t.Errorf("log %.500s, want %q", log, h.log)
		}
		if len(res.Log) > 1010 {
			t.Errorf("%d messages in the log", len(res.Log))
		}
		if res.Err != nil && (res.Keep == nil || res.Keep.Message != msg) {
			t.Error("after an error the message is not kept as it came")
		}
		if len(res.Actions) != h.actions {
			t.Errorf("%d actions, want %d", len(res.Actions), h.actions)
		}
	})
}

func TestHostileScripts(t *testing.T) {
	many := func(unit string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(unit, "%", strconv.Itoa(i)))
		}
		return b.String()
	}
	rep := strings.Repeat
	spellings := func(name string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteByte('"')
			for at, c := range []byte(name) {
				b.WriteByte(c - 'a' + "aA"[i>>at&1])
			}
			b.WriteString(`", `)
		}
		return b.String()
	}
	soon := Limits{Time: 20 * time.Millisecond}
	const late = "exceeded the time limit"
	long := "X: " + rep("a", 1<<20) + "\n"
	header := func(match, key string) string {
		return `require ["regex", "variables"]; if header :` + match + ` "X" "` + key + `" { discard; } else { set "x" "${0}"; }`
	}
	regexes := func(n int) string {
		return `require "regex"; if header :regex "X" [` + rep(`"`+rep("a{1000}", 45)+`",`, n) + `"b"] {}`
	}
	chain := map[string]string{}
	for i := range 300 {
		chain[fmt.Sprint("s", i)] = fmt.Sprintf(`require "include"; include "s%d";`, i+1)
	}
	fan := map[string]string{"leaf": "keep;"}
	for i := range 9 {
		next := fmt.Sprint("f", i+1)
		if i == 8 {
			next = "leaf"
		}
		fan[fmt.Sprint("f", i)] = `require "include";` + rep(`include "`+next+`";`, 100)
	}
	flat := map[string]string{}
	for i := range 300 {
		flat[fmt.Sprint("s", i)] = "keep;"
	}
	const maxScript = 1 << 20
	for _, h := range []hostile{
		// Size and nesting
		{name: "script over 1 MiB", script: rep("#", maxScript+1), compile: "script is too large"},
		{name: "1 MiB of nested blocks", script: rep("if true {", maxScript/9), compile: "deeper than 32 levels"},
		{name: "1 MiB of nested tests", script: "if " + rep("not ", maxScript/4-10) + "true { keep; }", compile: "deeper than 32 levels"},
		{name: "1 MiB of nested test lists", script: "if " + rep("anyof(", maxScript/6-10), compile: "deeper than 32 levels"},
		{name: "1 MiB of open string lists", script: "keep " + rep("[", maxScript-10), compile: "expect"},
		{name: "1 MiB of semicolons", script: rep(";", maxScript), compile: "error"},
		{name: "1 MiB of open comments", script: rep("/*", maxScript/2), compile: "unexpected character"},
		{name: "1 MiB of unknown commands", script: many("x% a;", maxScript/12), compile: "unknown command"},
		{name: "1 MiB of keep", script: rep("keep;", maxScript/5), actions: 1},
		{name: "1 MiB of ifs", script: rep("if size :over 1K {keep;}", maxScript/24)},
		{name: "a test list of 1 MiB", script: "if anyof(" + rep("false,", maxScript/6-10) + "true){keep;}", actions: 1},
		{name: "a string list of 1 MiB", script: `if header :is "X" [` + rep(`"a",`, maxScript/4-20) + `"b"] {keep;}`, msg: rep("X: y\n", 90_000), limits: soon, run: late},
		{name: "1 MiB of encoded characters that are none", script: `require "encoded-character"; if header "X" "` + rep("${hex:", 170_000) + ` 41 }" {}`},
		{name: "1 MiB of names", script: `if header [` + many(`"a%",`, 100_000) + `"b"] "x" {}`},
		// Limits of actions
		{name: "1000 redirects", script: many(`redirect "a%@example.org";`, 1000), run: "redirect"},
		{name: "1000 mailboxes", script: `require "fileinto";` + many(`fileinto "a%";`, 1000), run: "actions"},
		{name: "32 mailboxes", script: `require "fileinto";` + many(`fileinto "a%";`, 32), actions: 32},
		{name: "1,000,000 steps", script: `require ["foreverypart"]; foreverypart {` + rep("if true {}", 1000) + "}", limits: Limits{Steps: 500}, run: "limit of 500 steps"},
		// Variables
		{name: "exponential variables", script: `require "variables"; set "a" "aaaaaaaa";` + rep(`set "a" "${a}${a}";`, 40_000)},
		{name: "a string of 100,000 variables", script: `require "variables"; set "a" "` + rep("a", 4000) + `"; if string "` + rep("${a}", 100_000) + `" "b" {}`},
		{name: "flags of 1000 long strings", script: `require ["variables", "imap4flags"]; set "a" "` + rep("a", 4000) + `"; setflag [` + rep(`"`+rep("${a}", 250)+`",`, 1000) + `""];`, run: "larger than"},
		{name: "a test of 1000 long strings", script: `require ["variables"]; set "a" "` + rep("a", 4000) + `"; if string [` + rep(`"`+rep("${a}", 250)+`",`, 1000) + `""] "x" {}`, limits: soon, run: late},
		{name: "100,000 variables", script: `require "variables";` + many(`set "a%" "";`, 60_000), compile: "exceeds the limit"},
		// Matches
		{name: "wildcards", script: header("matches", "*a*a*a*a*a*a*b"), msg: long},
		{name: "1000 wildcards", script: header("matches", rep("*a?", 1000)+"b"), msg: long},
		{name: "a long wildcard", script: header("matches", "*?"+rep("a", 500_000)+"b"), msg: long, limits: soon, run: late},
		{name: "a long text to find", script: header("contains", rep("a", 500_000)+"b"), msg: long},
		{name: "a long text to find, by octets", script: header(`comparator "i;octet" :contains`, rep("a", 500_000)+"b"), msg: long},
		{name: "a long text to find in Unicode", script: header(`comparator "i;unicode-casemap" :contains`, rep("a", 500_000)+"ä"), msg: long},
		{name: "wildcards in Unicode", script: header(`comparator "i;unicode-casemap" :matches`, "*a?ä"), msg: long, limits: soon, run: late},
		{name: "characters that grow in Unicode", script: header(`comparator "i;unicode-casemap" :contains`, "ä"), msg: "X: " + rep("ﷺ", 300_000) + "\n"},
		// Regular expressions
		{name: "(a*)*b", script: header("regex", "(a*)*b"), msg: long},
		{name: "(a|aa)+$", script: header("regex", "(a|aa)+c$"), msg: long},
		{name: "((a{1000}){1000}){1000}", script: header("regex", "((a{1000}){1000}){1000}"), compile: "too large"},
		{name: "regex of many counts", script: header("regex", rep("a{1000}", 100)), compile: "too large"},
		{name: "regex of 40,000 places", script: header("regex", rep("a?", 10_000)+rep("a", 20_000)+"b"), msg: long, limits: soon, run: late},
		{name: "regex of 5000 alternatives", script: header("regex", "("+many("w%|", 5000)+"b)"), msg: long},
		{name: "regex of 100,000 alternatives", script: header("regex", "("+many("w%|", 100_000)+"b)"), compile: "too large"},
		{name: "regex of 10,000 groups", script: header("regex", rep("(a*)", 10_000)+"b"), msg: long, limits: soon, run: late},
		{name: "regex of 500,000 parentheses", script: header("regex", rep("(", 500_000)), compile: "too large"},
		{name: "regex of 500,000 asterisks", script: header("regex", "a"+rep("*", 500_000)), compile: "too large"},
		{name: "regex of dots and letters", script: header("regex", "a."+rep("a", 40_000)+"b"), msg: long, limits: soon, run: late},
		{name: "60 large regexes", script: regexes(60), compile: "too large together"},
		{name: "a bracket of 100,000 letters", script: header("regex", "["+rep("a", 100_000)+"]"), compile: "too large"},
		{name: "wide ranges of letters", script: header("regex", "["+rep("B-\U0001E900", 30)+"]"), compile: "too large"},
		{name: "1000 wide ranges of letters", script: `require "regex"; if header :regex "X" [` + rep("\"[B-\U0001E900]\", ", 1000) + `"b"] {}`, compile: "too large together"},
		{name: "60 large regexes at run", script: `require ["regex", "variables"]; set "a" "` + rep("a{1000}", 45) + `"; if header :regex "X" [` + rep(`"${a}",`, 60) + `"b"] {}`, msg: "X: y\n", log: "too large together"},
		{name: "60 large regexes, included", script: `require "include"; include "a"; include "b";`, scripts: map[string]string{"a": regexes(30), "b": regexes(30)}, compile: "too large together"},
		// Long keys
		{name: "a long key in Unicode, for a header of 9000 fields", script: `if header :comparator "i;unicode-casemap" :is "X" "` + rep("ä", 10_000) + `" {}`, msg: rep("X: y\n", 9000), limits: soon, run: late},
		{name: "a long number, for a header of 9000 fields", script: `require "comparator-i;ascii-numeric"; if header :comparator "i;ascii-numeric" :is "X" "` + rep("1", 200_000) + `" {}`, msg: rep("X: 1\n", 9000), limits: soon, run: late},
		{name: "100,000 flags to find", script: `require "imap4flags"; addflag "` + many("f% ", 3000) + `"; if hasflag "` + many("g% ", 100_000) + `" {}`, limits: soon, run: late},
		{name: "20,000 variables with 600 flags", script: `require ["imap4flags", "variables"]; set "a" "` + many("f% ", 600) + `"; if hasflag [` + rep(`"a",`, 20_000) + `"a"] "zz" {}`, limits: Limits{Time: 100 * time.Millisecond}, run: late},
		{name: "300,000 flags from the message", script: `require ["imap4flags", "variables"]; if header :matches "X" "*" { addflag "${1}"; removeflag "${1}"; }`, msg: "X: " + many("f% ", 300_000) + "\n", limits: Limits{Time: 10 * time.Second}},
		{name: "300,000 flags from the message, as of old", script: `require ["imapflags", "variables"]; if header :matches "X" "*" { addflag "${1}"; removeflag "${1}"; }`, msg: "X: " + many("f% ", 300_000) + "\n", limits: Limits{Time: 10 * time.Second}},
		// Answers, notifications and ids
		{name: "20,000 addresses of the user's, a header of 20,000", script: `require "vacation"; vacation :addresses [` + many(`"a%@b",`, 20_000) + `"x@y"] "z";`, msg: rep("To: a@c\n", 20_000), limits: soon, run: late},
		{name: "the text of the message 10,000 times", script: `require "notify"; notify :message "` + rep("$text$", 10_000) + `" :options "x@y";`, msg: "X: y\n\n" + rep("x", 60_000), actions: 1},
		{name: "500 long URIs", script: `require ["enotify", "variables"]; set "x" "mailto:` + rep("a@b%2C", 600) + `a@b"; if valid_notify_method [` + rep(`"${x}",`, 500) + `"x"] {}`, limits: soon, run: late},
		{name: "1000 unique ids", script: `require "duplicate";` + many(`if duplicate :uniqueid "a%" {}`, 1000), actions: 100, log: "more than 100 unique ids"},
		// Headers
		{name: "1000 names with :index", script: `require "index"; if header :index 1 [` + rep(`"X",`, 1000) + `"b"] "z" {}`, msg: rep("X: y\n", 90_000)},
		{name: "20,000 parameters, for a header of 9000 types", script: `require "mime"; if header :mime :param [` + many(`"a%",`, 20_000) + `"x"] "Content-Type" "y" {}`, msg: rep("Content-Type: text/plain\n", 9000), limits: soon, run: late},
		{name: "a header of 100,000 fields, names in many spellings", script: `if header :is [` + rep(`"X", "x",`, 20_000) + `"X"] "y" {}`, msg: rep("X: z\n", 90_000), limits: soon, run: late},
		{name: "a header of 90,000 fields, its name in 500 spellings", script: `if exists [` + spellings("abcdefghij", 500) + `"none"] {}`, msg: rep("Abcdefghij: z\n", 90_000)},
		{name: "100,000 names", script: `if exists [` + many(`"n%",`, 90_000) + `"Y"] {}`, msg: rep("X: z\n", 90_000)},
		{name: "1000 edits of a header of 4 MiB", script: `require "editheader";` + many(`addheader "A%" "b"; deleteheader :index 1 "X"; deleteheader "A%";`, 1000), msg: rep("X: "+rep("z", 40)+"\n", 90_000), limits: soon, run: late},
		{name: "1000 edits of a header of 100 KiB", script: `require "editheader";` + many(`addheader "A%" "b"; deleteheader :index 1 "X"; deleteheader "A%";`, 1000), msg: rep("X: "+rep("z", 90)+"\n", 1000)},
		{name: "deleteheader of 4 MiB with a regex", script: `require ["editheader", "regex"]; deleteheader :regex "X" "` + rep("z*", 1000) + `y";`, msg: rep("X: "+rep("z", 40)+"\n", 90_000), limits: soon, run: late},
		{name: "1000 long lines for the log", script: `require ["vnd.dovecot.debug", "variables"]; set "a" "` + rep("f", 4000) + `"; ` + rep(`debug_log "`+rep("${a}", 40)+`";`, 1000), log: "DEBUG: ff"},
		{name: "100,000 warnings", script: `require ["editheader", "foreverypart"]; foreverypart {` + rep(`deleteheader "received";`, 20) + "}", msg: "Content-Type: multipart/mixed; boundary=b\n\n" + rep("--b\n\nx\n", 9000), log: "is forbidden"},
		// Parts
		{name: "20,000 types, for 9000 parts", script: `require "body"; if body :content [` + many(`"a%",`, 20_000) + `"x"] "y" {}`, msg: "Content-Type: multipart/mixed; boundary=b\n\n" + rep("--b\n\nx\n", 9000), limits: soon, run: late},
		{name: "200,000 fields to copy, of a header of 90,000", script: `require ["enclose", "mime"]; enclose :headers [` + rep(`"a",`, 200_000) + `"b"] "x"; if header :mime :anychild "X" "z" {} keep;`, msg: rep("X: y\n", 90_000), limits: Limits{Time: 3 * time.Second}, actions: 1},
		{name: "1000 enclosures", script: `require ["enclose", "variables"]; set "a" "` + rep("x", 4000) + `";` + rep(`enclose "`+rep("${a}", 100)+`";`, 1000), run: "enclosed more than 10 times"},
		{name: "loops in loops over 10,000 parts", script: `require "foreverypart";` + rep("foreverypart {", 4) + rep("}", 4), msg: "Content-Type: multipart/mixed; boundary=b\n\n" + rep("--b\n\nx\n", 9000)},
		{name: "five loops", script: `require "foreverypart";` + rep("foreverypart {", 5) + rep("}", 5), compile: "nesting limit"},
		// Inclusion
		{name: "an include circle", script: `require "include"; include "a";`, scripts: map[string]string{"a": `require "include"; include "b";`, "b": `require "include"; include "a";`}, compile: "circular include"},
		{name: "a chain of 300 includes", script: `require "include"; include "s0";`, scripts: chain, compile: "deeper than 10"},
		{name: "300 includes", script: `require "include";` + many(`include "s%";`, 300), scripts: flat, compile: "no more than 255"},
		{name: "3 MiB of included scripts", script: `require "include"; include "a"; include "b"; include "c";`, scripts: map[string]string{"a": rep("#", 1<<20-1) + "\n", "b": rep("#", 1<<20-1) + "\n", "c": rep("#", 1<<20-1) + "\n"}, compile: "too large together"},
		{name: "2 MiB of included scripts", script: `require "include"; include "a"; include "b";`, scripts: map[string]string{"a": rep("#", 1<<20-1) + "\n", "b": rep("#", 1<<20-1) + "\n"}},
		{name: "100^9 includes", script: `require "include"; include "f0";`, scripts: fan, limits: Limits{Steps: 10_000}, run: "limit of 10000 steps"},
	} {
		t.Run(h.name, h.test)
	}
}

// A message of 100,000 nested parts, and one with a header of 50 MiB, under every
// test that looks at it.
func TestHostileMessages(t *testing.T) {
	const script = `require ["body", "mime", "foreverypart", "extracttext", "variables", "editheader", "replace", "enclose", "fileinto"];
		if header :mime :anychild :matches "X" "*a*b*c" { discard; }
		if anyof (address :mime :anychild "From" "x", exists :mime :anychild "Y", header :contains "X" "nothing") { discard; }
		foreverypart { extracttext "t"; foreverypart { if header :mime :type :is "Content-Type" "none" { discard; } } }
		addheader "A" "b"; deleteheader "A"; deleteheader :last :index 1 "X"; addheader :last "B" "c";
		if body :text :contains "nothing" { discard; }
		fileinto "through";`
	nested := func(i int) string {
		return fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\n", i, i)
	}
	same := func(unit string) func(int) string { return func(int) string { return unit } }
	rep := strings.Repeat
	for _, tt := range []struct {
		name, head string
		unit       func(int) string
		n          int
	}{
		{"100,000 nested parts", "", nested, 100_000},
		{"100,000 nested messages", "", same("Content-Type: message/rfc822\n\n"), 100_000},
		{"100,000 parts", "Content-Type: multipart/mixed; boundary=b\n\n", same("--b\nX: y\n\nx\n"), 100_000},
		{"a header of 50 MiB", "", same("X: " + rep("y", 1020) + "\n"), 50 << 10},
		{"a field of 50 MiB", "X: ", same(rep("y", 1<<10)), 50 << 10},
		{"short fields of 50 MiB", "", same("X:\n"), 50 << 20 / 3},
		{"lines of 50 MiB that are no fields", "", same("y\n"), 50 << 20 / 2},
		{"short fields of 50 MiB in a part", "Content-Type: message/rfc822\n\n", same("X:\n"), 50 << 20 / 3},
		{"addresses of 50 MiB", "", same("From: " + rep("a@b,", 200) + "\n"), 50 << 20 / 800},
		{"one header of addresses", "From: ", same("a@b,"), 1 << 20},
		{"comments in addresses", "From: ", same("("), 1 << 20},
		{"a type of many parameters", "Content-Type: text/plain", same("; a*0=b"), 100_000},
		{"encoded words", "X: ", same("=?utf-8?q?a?= "), 200_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := New(Options{Extensions: "+editheader"})
			if err != nil {
				t.Fatal(err)
			}
			p, diags := e.Compile("hostile", []byte(script), false)
			if p == nil {
				t.Fatal(diags)
			}
			spool := message.NewSpool(t.TempDir(), 1<<20)
			defer spool.Close()
			w := bufio.NewWriterSize(spool, 64<<10)
			w.WriteString(tt.head)
			for i := range tt.n {
				w.WriteString(tt.unit(i))
			}
			w.WriteString("\n\nend\n")
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			peak(t, func() {
				msg, err := spool.Message()
				if err != nil {
					t.Fatal(err)
				}
				res := p.Run(t.Context(), msg, &Env{})
				if res.Err != nil || len(res.Actions) != 1 {
					t.Fatalf("error %v, actions %v", res.Err, res.Actions)
				}
				if s, ok := res.Actions[0].(*action.Store); !ok || s.Mailbox != "through" || s.Message.BodySize() != msg.BodySize() {
					t.Errorf("action %+v", res.Actions[0])
				}
			})
		})
	}
}
