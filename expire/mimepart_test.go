package expire_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// partFields are fields that describe a part.
var partFields = [][]string{
	{"", "Content-Type: text/plain; charset=utf-8", "Content-Type: TEXT/HTML; charset=\"ISO-8859-1\"; name=page.html", "Content-Type: application/pdf; name=\"Report A.pdf\"", "Content-Type: image/png", "Content-Type: nonsense", "Content-Type: text"},
	{"", "", "Content-Disposition: inline", "Content-Disposition: attachment; filename=\"Report A.pdf\"; size=5", "Content-Disposition: ATTACHMENT; filename=pic.PNG", "Content-Disposition: attachment; filename*=utf-8''K%C3%B6ln.txt", "Content-Disposition: x-other"},
	{"", "", "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: Quoted-Printable", "Content-Transfer-Encoding: 8bit"},
	{"", "", "Content-ID: <One@x.org>", "Content-ID: two"},
	{"", "", "Content-Language: en, de", "Content-Language: DE-at"},
	{"", "", "Content-Location: http://X.org/y", "Content-MD5: Q2hlY2s="},
}

// entity makes a message's or a part's header for its content, and that.
func (g *maildirMaker) entity(depth int) string {
	var b strings.Builder
	kind := g.IntN(3 + depth)
	for i, choices := range partFields {
		if field := g.pick(choices); field != "" && (i > 0 || kind < 4) {
			b.WriteString(field + "\n")
		}
	}
	switch {
	case kind < 4:
		b.WriteString("\n" + strings.Repeat("line of text\n", g.IntN(4)))
	case kind == 4:
		b.WriteString("Content-Type: message/rfc822\n\nSubject: inner\nMIME-Version: 1.0\n" + g.entity(depth-1))
	default:
		boundary := fmt.Sprintf("b%d", g.IntN(1_000_000))
		fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=%s\n\nprologue\n", g.pick([]string{"mixed", "alternative"}), boundary)
		for range 1 + g.IntN(3) {
			b.WriteString("--" + boundary + "\n" + g.entity(depth-1))
		}
		b.WriteString("--" + boundary + "--\n")
	}
	return b.String()
}

// part makes a test of a part, of which doveadm 2.3.19 can judge. PARENT with anything
// but EXISTS makes it crash, below CHILD it counts DEPTH from the part above, and what is
// in brackets with CHILD it asks the wrong part: CHILD is for the beginning alone, and without NOT below it.
func (g *queryMaker) part(depth int) []string {
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return append([]string{"not"}, g.part(depth-1)...)
		case 1:
			return slices.Concat([]string{"OR"}, g.part(depth-1), g.part(depth-1))
		case 2:
			return slices.Concat([]string{"("}, g.part(depth-1), g.part(depth-1), []string{")"})
		}
	}
	switch g.IntN(14) {
	default:
		return []string{"type", g.pick([]string{"text", "TEXT", "multipart", "message", "application", "tex", "nonsense"})}
	case 1:
		return []string{"subtype", g.pick([]string{"plain", "HTML", "mixed", "rfc822", "png"})}
	case 2:
		return []string{"encoding", g.pick([]string{"7bit", "base64", "QUOTED-printable", "8bit", "base"})}
	case 3:
		return []string{"disposition", "type", g.pick([]string{"attachment", "INLINE", "x-other", "attach"})}
	case 4:
		return []string{"disposition", "param", g.pick([]string{"filename", "FILENAME", "size", "none"}), g.pick([]string{"Report", "report", "5", "pic", "pdf", "PNG"})}
	case 5:
		return []string{"param", g.pick([]string{"charset", "name", "NAME", "boundary"}), g.pick([]string{"utf", "UTF-8", "iso", "ISO", "page", "b", "Report"})}
	case 6:
		return []string{"filename", g.pick([]string{"is", "BEGINS", "ends", "contains"}), g.pick([]string{"report a.pdf", "Report", ".pdf", "pic", ".png", "a"})}
	case 7:
		return []string{"size", fmt.Sprint(13 * g.IntN(4))}
	case 8:
		return []string{"size", g.pick([]string{"larger", "SMALLER"}), fmt.Sprint(g.IntN(300))}
	case 9:
		return slices.DeleteFunc([]string{"depth", g.pick([]string{"", "min", "MAX"}), fmt.Sprint(g.IntN(4))}, func(s string) bool { return s == "" })
	case 10:
		return []string{"index", fmt.Sprint(g.IntN(4))}
	case 11:
		return strings.Fields(g.pick([]string{"parent exists", "not parent EXISTS"}))
	case 12:
		return []string{"id", g.pick([]string{"<one@x.org>", "<One@x.org>", "two", "<two>", "one@x.org"})}
	case 13:
		return strings.Fields(g.pick([]string{"language en", "language DE", "language de-AT", "language d", "location http://X.org/y", "location http://x.org/y", "md5 Q2hlY2s=", "md5 q2hlY2s="}))
	}
}

// What doveadm does not understand, or not as it is meant, is as IMAP would have it.
func TestParts(t *testing.T) {
	h := newHome(t)
	h.put(1, "", "Content-Disposition: attachment; filename*=utf-8''K%C3%B6ln.txt\n\nbody\n")
	h.put(2, "", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c\nContent-Type: text/html\n\ntwo\n--c--\n--b--\n")
	for text, want := range map[string][]uint32{
		"MIMEPART FILENAME IS köln.TXT":                                   {1},
		"MIMEPART ( SUBTYPE html PARENT SUBTYPE alternative )":            {2},
		"MIMEPART ( SUBTYPE html PARENT SUBTYPE mixed )":                  nil,
		"MIMEPART ( SUBTYPE html PARENT PARENT SUBTYPE mixed )":           {2},
		"MIMEPART CHILD ( SUBTYPE html DEPTH 2 INDEX 2 )":                 {2},
		"MIMEPART CHILD ( SUBTYPE html DEPTH 1 )":                         nil,
		"MIMEPART ( PARENT NOT EXISTS CHILD NOT EXISTS )":                 {1},
		"MIMEPART SIZE 6 SEEN":                                            nil,
		"NOT MIMEPART OR SIZE LARGER 5 DISPOSITION TYPE attachment":       {2},
		"( MIMEPART TYPE image OR MIMEPART SIZE 6 ) MIMEPART DEPTH MAX 0": {1},
	} {
		if got := h.search(text); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// MIMEPART finds what doveadm finds.
func TestPartsAsDoveadm(t *testing.T) {
	doveadm, accounts := site(t, 20, 0)
	a := &accounts[0]
	g := &maildirMaker{Rand: rand.New(rand.NewPCG(1, 6)), t: t, now: time.Now()}
	for i := range 60 {
		name := fmt.Sprintf("%s/cur/%d.M%dP1.host:2,", a.folder("Trash"), 1_790_000_000+i, i)
		if err := os.WriteFile(name, []byte("Subject: x\nMIME-Version: 1.0\n"+g.entity(3)), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	a.uids(t, doveadm)
	make := &queryMaker{Rand: g.Rand}
	var queries [][]string
	for range 500 {
		test := make.part(2)
		if !slices.ContainsFunc(test, func(w string) bool { return w == "depth" || w == "index" || w == "parent" || w == "not" }) {
			test = slices.Concat([][]string{nil, {"child"}, {"not", "CHILD"}, {"child", "child"}}[make.IntN(4)], test)
		}
		queries = append(queries, append([]string{"mailbox", "Trash", "mimepart"}, test...))
	}
	for j, want := range doveadm.search(a.user, queries) {
		got := a.search(t, queries[j])
		slices.Sort(got)
		slices.Sort(want)
		if want = slices.Compact(want); !slices.Equal(got, want) {
			t.Errorf("%q:\nonly here    %v\nonly doveadm %v", queries[j], a.describe(t, without(got, want)), a.describe(t, without(want, got)))
		}
	}
}
