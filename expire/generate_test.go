package expire_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// texts are parts of headers and bodies, and what queries look for.
var texts = []string{"hello", "Köln", "KÖLN", "grüße", "Straße", "™", "Ångström", "ﬁn", "日本語", "Ǆungla", "world peace", "report", "a.b@c.org", "100%", `"quoted"`, "x"}

// encoded are headers' values that are harder to read, with what they mean among texts.
var encoded = []string{
	"=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?Q?K=F6ln?=", "=?UTF-8?B?5pel5pys6Kqe?=", "plain report\n\tfolded hello", "=?utf-8?q?Stra?=\n =?utf-8?q?=C3=9Fe?=",
	"=?utf-8?q?broken", "wide   space\n  hello", "raw Köln", "raw \xe9\xff byte", "(comment) 100%", "",
}

// addresses are values of From and To.
var addresses = []string{
	"a.b@c.org", `"Max M." <max@example.org>`, "Max <max@EXAMPLE.org>", "=?utf-8?q?K=C3=B6ln?= <koeln@example.org>", "undisclosed-recipients:;",
	"Team: a@b.org, Bob <bob@c.org>;", "a@b.org, c@d.org", "root", `"a b"@c.org`, "<>", "broken <a@", "Max (comment) <m@n.o>", "x@y.z (Hello World)", `"q\"uote" <q@r.s>`,
}

// sentDates are values of Date.
var sentDates = []string{
	"Mon, 02 Nov 2026 10:00:00 +0200", "2 Nov 2026 23:30:00 -0500", "Sun, 1 Nov 26 1:2:3 GMT", "Sat, 31 Oct 2026 23:59:59 +0000", "31 Oct 2026 12:00 EST",
	"not a date", "Thu, 05 Nov 2026 08:00:00 +0530 (IST)", "1 January 2020 00:00:00 +0000", "Wed, 32 Xyz 2026 10:00:00 +0000",
}

// contents are bodies with the fields that describe them.
var contents = []string{
	"\nhello body\nKöln\n",
	"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe aus K=F6ln =\nworld peace\n",
	"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+SGVsbG8gS8O2bG48L3A+\n",
	"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\naGVsbG8gcmVwb3J0\n",
	"Content-Type: multipart/mixed; boundary=b1\n\nhello prologue\n--b1\n\nreport in a part\n--b1\nContent-Type: text/plain; charset=utf-8\nX-Part: world peace\n\nStraße ™\n--b1\nContent-Type: application/octet-stream\n\nhello binary\n--b1--\nreport epilogue\n",
	"Content-Type: multipart/alternative; boundary=\"b 2\"\n\n--b 2\nContent-Type: message/rfc822\n\nSubject: inner hello\nFrom: x@y.z\n\ninner Köln\n--b 2\nContent-Type: text/plain\nContent-Transfer-Encoding: x-unknown\n\nhello unknown\n--b 2--\n",
	"Content-Type: text/plain; charset=nonsense\n\nKöln in no charset\n",
	"Content-Type: message/rfc822\n\nSubject: wrapped report\n\nhello wrapped\n",
	"Content-Type: multipart/mixed\n\nhello without boundary\n",
	"Content-Type: text\n\nhello odd type\n",
	"",
}

// maildirMaker fills Maildirs.
type maildirMaker struct {
	*rand.Rand
	t   *testing.T
	now time.Time
	n   int
}

func (g *maildirMaker) pick(from []string) string { return from[g.IntN(len(from))] }

// message gives a message.
func (g *maildirMaker) message() string {
	var b strings.Builder
	field := func(chance float64, name string, values []string) {
		if g.Float64() < chance {
			fmt.Fprintf(&b, "%s: %s\n", name, g.pick(values))
		}
	}
	field(0.9, "From", addresses)
	field(0.8, "To", addresses)
	field(0.2, "Cc", addresses)
	field(0.8, "Date", sentDates)
	field(0.5, "Subject", texts)
	field(0.4, "SUBJECT", encoded)
	field(0.3, "X-Mark", texts)
	field(0.2, "X-Mark", encoded)
	b.WriteString(g.pick(contents))
	return b.String()
}

// file writes a message into a part of a folder.
func (g *maildirMaker) file(dir, part string) {
	g.n++
	text := g.message()
	name := fmt.Sprintf("%d.M%dP1.host", 1_790_000_000+g.n, g.n)
	if g.IntN(3) > 0 {
		name += fmt.Sprintf(",S=%d", len(text))
		if g.IntN(2) > 0 {
			name += fmt.Sprintf(",W=%d", len(text)+strings.Count(text, "\n"))
		}
	}
	if part == "cur" {
		name += ":2,"
		for _, letter := range "DFRSTabc" {
			if g.IntN(4) == 0 {
				name += string(letter)
			}
		}
	}
	path := filepath.Join(dir, part, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	// Half an hour away from any border that a query draws.
	at := g.now.Add(-time.Duration(g.IntN(24*40))*time.Hour - 30*time.Minute)
	if err := os.Chtimes(path, at, at); err != nil {
		g.t.Fatal(err)
	}
}

// folder makes a folder with n messages.
func (g *maildirMaker) folder(dir string, n int) {
	for _, part := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o700); err != nil {
			g.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "dovecot-keywords"), []byte("0 $Junk\n1 Work\n2 NonJunk\n"), 0o600); err != nil {
		g.t.Fatal(err)
	}
	for range n {
		g.file(dir, "cur")
	}
}

// queryMaker makes queries from the grammar.
type queryMaker struct {
	*rand.Rand
	mailboxes []string
	guids     []string
}

func (g *queryMaker) pick(from []string) string { return from[g.IntN(len(from))] }

// query gives the words of a query.
func (g *queryMaker) query() []string {
	var words []string
	if g.IntN(3) > 0 {
		words = append(words, "mailbox", g.pick(g.mailboxes))
	}
	return append(words, g.level(3)...)
}

// level gives what stands at one level of brackets.
func (g *queryMaker) level(depth int) []string {
	n := 1 + g.IntN(3)
	or := g.IntN(3) == 0
	if or {
		var words []string
		for i := range n {
			if i > 0 {
				words = append(words, g.spell("or"))
			}
			words = append(words, g.key(depth)...)
		}
		return append(append([]string{"("}, words...), ")")
	}
	var words []string
	for range n {
		words = append(words, g.key(depth)...)
	}
	return words
}

// spell gives a key in some case of letters.
func (g *queryMaker) spell(key string) string {
	if g.IntN(2) == 0 {
		return strings.ToUpper(key)
	}
	return key
}

func (g *queryMaker) key(depth int) []string {
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return append([]string{g.spell("not")}, g.key(depth-1)...)
		case 1:
			return append(append([]string{"("}, g.level(depth-1)...), ")")
		}
	}
	flags := []string{"all", "answered", "deleted", "draft", "flagged", "seen", "unanswered", "undeleted", "undraft", "unflagged", "unseen", "new", "old", "recent", "savedatesupported"}
	k := g.spell
	switch g.IntN(20) {
	default:
		return []string{k(g.pick(flags))}
	case 5:
		return []string{k(g.pick([]string{"keyword", "unkeyword"})), g.pick([]string{"$Junk", "$junk", "work", "NonJunk", "none"})}
	case 6, 7:
		return []string{k(g.pick([]string{"before", "on", "since", "savedbefore", "savedon", "savedsince", "x-savedsince"})), g.date()}
	case 8:
		return []string{k(g.pick([]string{"sentbefore", "senton", "sentsince"})), g.date()}
	case 9:
		return []string{k(g.pick([]string{"larger", "smaller"})), g.pick([]string{"0", "50", "150", "200b", "250", "300", "1k", "1KiB", "0k", "1M"})}
	case 10:
		return []string{k(g.pick([]string{"older", "younger"})), fmt.Sprint(3600 * (1 + g.IntN(24*40)))}
	case 11:
		return []string{k(g.pick([]string{"from", "to", "cc", "bcc"})), g.pick([]string{"max", "Max M", `"Max M."`, "@c.org", "<a@b.org", "a@b.org, c", "köln", "ko", "kö", "team", "Team: <a", "root", "MISSING", "m. <", "x", "bob@c.org>;", `"a b"@c`, "hello world", "example.ORG", ""})}
	case 12, 13:
		return []string{k("subject"), g.text()}
	case 14:
		return []string{k("header"), g.pick([]string{"x-mark", "X-Mark", "subject", "date", "x-none", "content-type", "from"}), g.text()}
	case 15, 16:
		return []string{k("body"), g.text()}
	case 17:
		return []string{k("text"), g.text()}
	case 18:
		return []string{k("uid"), g.pick([]string{"1", "2:5", "1:*", "3,7:9,20", "9:2", "*", "500"})}
	case 19:
		switch g.IntN(4) {
		case 0:
			return []string{g.pick([]string{"1", "2:5", "1:*", "3,7:9,20", "*", "5:*"})}
		case 1:
			return []string{k(g.pick([]string{"guid", "x-guid"})), g.pick(g.guids)}
		case 2:
			return []string{k("fuzzy"), k("subject"), g.text()}
		}
		return []string{k("mailbox"), g.pick(g.mailboxes)}
	}
}

func (g *queryMaker) text() string {
	all := append([]string{"", "ko", "kö", "gru", "KOLN", "fin", "tm", "angs", "world  peace", "e aus k", "folded hello", "lo", "x-part: world", "subject: ", "\ufffd", "space hello", "prologue", "epilogue", "inner", "10:00", "pdf"}, texts...)
	return g.pick(all)
}

func (g *queryMaker) date() string {
	return g.pick([]string{
		"2026-11-01", "2026-11-02", "2026-10-31", "02-Nov-2026", "1-nov-2026", "31-Oct-2026", "1793491200", "30", "2036-01-01",
		fmt.Sprintf("%dh", 1+g.IntN(24*40)), fmt.Sprintf("%d days", 1+g.IntN(40)), "1w", "3weeks", "7200s", "90 mins", "100000000s",
	})
}
