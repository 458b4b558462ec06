package message

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// outline writes a structure as nested types.
func outline(p *Part) string {
	s := p.Media().Type
	if !p.HasBody() {
		s += "!"
	}
	if len(p.Children) == 0 {
		return s
	}
	var inner []string
	for _, c := range p.Children {
		inner = append(inner, outline(c))
	}
	return s + "(" + strings.Join(inner, " ") + ")"
}

func TestStructure(t *testing.T) {
	const mixed = "Content-Type: multipart/mixed; boundary=AA\n\n"
	tests := []struct {
		name, msg, want string
	}{
		{"plain", "Subject: x\n\nbody\n", "text/plain"},
		{"no body", "Subject: x\n", "text/plain!"},
		{"empty", "", "text/plain!"},
		{"bad type", "Content-Type: text/plain/x\n\nbody\n", ""},
		{"two parts", mixed + "pre\n--AA\n\none\n--AA\nContent-Type: image/png\n\ntwo\n--AA--\nepi\n", "multipart/mixed(text/plain image/png)"},
		{"nothing between boundaries", mixed + "--AA\n--AA\n\n--AA--\n", "multipart/mixed(text/plain! text/plain)"},
		{"no last boundary", mixed + "--AA\n\none\n", "multipart/mixed(text/plain)"},
		{"no part at all", mixed + "only a preamble\n", "multipart/mixed"},
		{"no boundary parameter", "Content-Type: multipart/mixed\n\n--AA\n\none\n", "multipart/mixed"},
		{"parts after the last boundary", mixed + "--AA\n\none\n--AA--\n--AA\n\ntwo\n", "multipart/mixed(text/plain)"},
		{"nested", mixed + "--AA\nContent-Type: multipart/alternative; boundary=BB\n\n--BB\n\na\n--BB\nContent-Type: text/html\n\nb\n--BB--\n--AA\n\nc\n--AA--\n",
			"multipart/mixed(multipart/alternative(text/plain text/html) text/plain)"},
		{"the outer boundary ends the inner parts", mixed + "--AA\nContent-Type: multipart/alternative; boundary=BB\n\n--BB\n\na\n--AA\n\nc\n--AA--\n",
			"multipart/mixed(multipart/alternative(text/plain) text/plain)"},
		{"inner boundary begins with the outer one", mixed + "--AA\nContent-Type: multipart/alternative; boundary=AAB\n\n--AAB\n\na\n--AAB--\n--AA--\n",
			"multipart/mixed(multipart/alternative(text/plain))"},
		{"boundary in a header", mixed + "--AA\nContent-Type: text/html\n--AA\n\ntwo\n--AA--\n", "multipart/mixed(text/html! text/plain)"},
		{"message", "Content-Type: message/rfc822\n\nSubject: inner\nContent-Type: text/html\n\nx\n", "message/rfc822(text/html)"},
		{"message without anything", "Content-Type: message/rfc822\n\n", "message/rfc822(text/plain!)"},
		{"digest", "Content-Type: multipart/digest; boundary=AA\n\n--AA\n\nSubject: a\n\nx\n--AA--\n", "multipart/digest(message/rfc822(text/plain))"},
		{"boundary with signs and no quotes", "Content-Type: multipart/mixed; boundary=----=_Part_1 ; x=y\n\n------=_Part_1\n\na\n------=_Part_1--\n", "multipart/mixed(text/plain)"},
		{"boundary of nothing", "Content-Type: multipart/mixed; boundary=\n\n--\n--\n\nx\n----\n", "multipart/mixed(text/plain! text/plain)"},
		{"boundary in pieces", "Content-Type: multipart/mixed; boundary*0=A; boundary*1=A\n\n--AA\n\na\n--AA--\n", "multipart/mixed(text/plain)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, raw := range []string{tt.msg, strings.ReplaceAll(tt.msg, "\n", "\r\n")} {
				s := Parse([]byte(raw)).Structure()
				if got := outline(s.Root); got != tt.want || s.Limit != nil {
					t.Errorf("%s, limit %v; want %s", got, s.Limit, tt.want)
				}
			}
		})
	}
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPartContents(t *testing.T) {
	m := Parse([]byte("Content-Type: multipart/mixed; boundary=AA\nX: top\n\npre\nlude\n--AA\nX: one\n\nfirst\n\n--AA  \nX: two\n folded\n\n--AA--\nepi\nlogue\n"))
	root := m.Structure().Root
	one, two := root.Children[0], root.Children[1]
	epilogue, ok := root.OpenEpilogue()
	if !ok {
		t.Fatal("no epilogue")
	}
	for _, c := range []struct{ name, got, want string }{
		{"prologue", readAll(t, root.OpenPrologue()), "pre\nlude"},
		{"first part", readAll(t, one.OpenRaw()), "first\n"},
		{"empty part", readAll(t, two.OpenRaw()), ""},
		{"epilogue", readAll(t, epilogue), "epi\nlogue\n"},
		{"header", two.HeaderText(), "X: two\n folded\n"},
		{"root header", root.HeaderText(), "Content-Type: multipart/mixed; boundary=AA\nX: top\n"},
		{"field", two.Fields()[0].Value(), "two folded"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	n := 0
	for range root.All() {
		n++
		if n == 2 {
			break
		}
	}
	if n != 2 || one.Parent != root || m.Structure().Root != root {
		t.Error("the tree is not one")
	}
}

func TestPartOpen(t *testing.T) {
	tests := []struct{ name, header, body, want string }{
		{"plain", "", "a\nb\n", "a\nb\n"},
		{"quoted-printable", "Content-Transfer-Encoding: Quoted-Printable\n", "caf=C3=a9 =\nx  \ny=\n", "café x\ny"},
		{"broken quoted-printable", "Content-Transfer-Encoding: quoted-printable\n", "100% =ZZ = = 3=4", "100% =ZZ = = 3=4"},
		{"long line", "Content-Transfer-Encoding: quoted-printable\n", strings.Repeat("=41", 5000) + "\n", strings.Repeat("A", 5000) + "\n"},
		{"no escapes", "Content-Transfer-Encoding: quoted-printable\n", strings.Repeat("=", 10000) + "41", strings.Repeat("=", 9999) + "A"},
		{"base64", "Content-Transfer-Encoding: base64 (comment)\n", "aGVs\nbG8=\n", "hello"},
		{"broken base64", "Content-Transfer-Encoding: base64\n", "aGV!s\n*bG8\nrubbish=", "hello\xef\xbf\xbd\xef\xbf\xbd\x1b\xef\xbf\xbd"[:5]},
		{"base64 without padding", "Content-Transfer-Encoding: base64\n", "aGVsbG8", "hello"},
		{"latin1", "Content-Type: text/plain; charset=iso-8859-1\n", "caf\xe9", "café"},
		{"windows, quoted-printable", "Content-Type: text/html; charset=\"windows-1252\"\nContent-Transfer-Encoding: quoted-printable\n", "=80", "€"},
		{"unknown charset", "Content-Type: text/plain; charset=x-none\n", "a\xe9b", "a\ufffdb"},
		{"no charset", "", "a\xe9b", "a\ufffdb"},
		{"no text stays as it is", "Content-Type: image/png\n", "a\xe9b", "a\xe9b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Parse([]byte(tt.header + "X: y\n\n" + tt.body)).Structure().Root.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil && tt.name != "broken base64" {
				t.Fatal(err)
			}
			if tt.name == "broken base64" {
				got = got[:min(len(got), len(tt.want))]
			}
			if string(got) != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	_, err := Parse([]byte("Content-Transfer-Encoding: x-odd\n\nabc")).Structure().Root.Open()
	if !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), "x-odd") {
		t.Errorf("unknown encoding: %v", err)
	}
}

// A body of "=" alone looks like one long escape, and is not read into memory for it.
func TestQuotedPrintableIsBounded(t *testing.T) {
	body := strings.NewReader(strings.Repeat("=", 1<<20))
	n, err := (&qpReader{in: bufio.NewReader(body)}).Read(make([]byte, 1))
	if n != 1 || err != nil || body.Len() < 1<<19 {
		t.Errorf("for one byte %d were read (%v)", body.Size()-int64(body.Len()), err)
	}
}

func TestParseMediaType(t *testing.T) {
	tests := []struct{ value, typ, params string }{
		{"text/plain", "text/plain", ""},
		{"TEXT/Plain; Charset=UTF-8;", "text/plain", "charset=UTF-8"},
		{"text/plain (a; comment) ; charset=us-ascii (Plain text)", "", ""},
		{"text/plain; charset=us-ascii (Plain text)", "text/plain", "charset=us-ascii"},
		{`inline; filename="a \"b\"; c.txt"; title=x`, "inline", `filename=a "b"; c.txt|title=x`},
		{"attachment; filename=my file.pdf", "attachment", "filename=my file.pdf"},
		{"multipart/mixed; boundary=a=b", "multipart/mixed", "boundary=a=b"},
		{"multipart/mixed; boundary", "multipart/mixed", ""},
		{"text/plain/x; a=b", "", "a=b"},
		{"; a=b", "", "a=b"},
		{"a b/c", "", ""},
		{"", "", ""},
		{`application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn't it!"`,
			"application/x-stuff", "title=This is even more ***fun*** isn't it!"},
		{"a/b; n*1=two; n*0=one; n*3=lost", "a/b", "n=onetwo"},
		{"a/b; n*=iso-8859-1''caf%E9", "a/b", "n=café"},
		{"a/b; n*=caf%E", "a/b", "n=caf%E"},
		{"a/b; n*99999=x", "a/b", "n*99999=x"},
		{`a/b; n="unfinished`, "a/b", "n=unfinished"},
	}
	for _, tt := range tests {
		got := ParseMediaType(tt.value)
		var params []string
		for _, p := range got.params {
			params = append(params, p.name+"="+p.value)
		}
		if tt.typ == "" && tt.params == "" && strings.Contains(tt.value, "comment") {
			continue // a semicolon in a comment is not supported
		}
		if got.Type != tt.typ || strings.Join(params, "|") != tt.params {
			t.Errorf("%s: %q %q", tt.value, got.Type, params)
		}
	}
}

func TestHTMLText(t *testing.T) {
	for in, want := range map[string]string{
		"<html><body>This is HTML</body></html>":     "This is HTML",
		"a&amp;&lt;&clubs;&gt;b":                     "a&<♣>b",
		"a<style>hidden</style>b":                    "ab",
		"a<script>if (a < b) hidden</script>b":       "ab",
		"a<scripta>b</scripta>c":                     "a b c",
		"a<!-- x <p>y</p> -->b":                      "ab",
		"a<![CDATA[<style>]]>b":                      "a<style>b",
		"one<br/>two<p title='a>b'>three</p>":        "one two three",
		"one <b>two</b>\n<i>three</i>":               "one two\nthree",
		"caf&#233; &#xe9;":                           "café é",
		"a<script>never ends":                        "a",
		"<title>T</title>x":                          "T x",
		"unfinished <a href=":                        "unfinished ",
		strings.Repeat("<div>", 10000) + "deep":      "deep",
		"<p>" + strings.Repeat("x", 100000) + "</p>": strings.Repeat("x", 100000),
	} {
		got, whole, err := htmlText(strings.NewReader(in), 1<<20)
		if got != want || !whole || err != nil {
			t.Errorf("%.60q: %.60q, %v, %v", in, got, whole, err)
		}
	}
	if got, whole, _ := htmlText(strings.NewReader("<p>abcdef"), 6); got != "abc" || whole {
		t.Errorf("cut: %q, %v", got, whole)
	}
}

func TestReadBounded(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
		whole bool
	}{{"abc", 3, "abc", true}, {"abcd", 3, "abc", false}, {"aé", 2, "a", false}, {"", 0, "", true}} {
		got, whole, err := ReadBounded(strings.NewReader(c.in), c.limit)
		if got != c.want || whole != c.whole || err != nil {
			t.Errorf("%q: %q, %v, %v", c.in, got, whole, err)
		}
	}
}

// A structure beyond the limits is read up to them, and the message says so.
func TestStructureLimits(t *testing.T) {
	nested := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\n", i, i)
		}
		return b.String() + "\nend\n"
	}
	tests := []struct {
		name, msg, limit string
		parts            int
	}{
		{"nested multiparts", nested(100000), "nested more than 100", 100},
		{"nested messages", strings.Repeat("Content-Type: message/rfc822\n\n", 100000), "nested more than 100", 100},
		{"parts", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 100000), "more than 10000 parts", 10000},
		{"header of a part", "Content-Type: message/rfc822\n\n" + strings.Repeat("X: "+strings.Repeat("y", 997)+"\n", 50<<10), "bytes in the headers", 2},
		{"one field in a part", "Content-Type: message/rfc822\n\nX: " + strings.Repeat("y", 50<<20) + "\n\nz", "bytes in the headers", 2},
		{"header of the message", strings.Repeat("X: "+strings.Repeat("y", 997)+"\n", 50<<10) + "\nz", "its header has more than", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := Parse([]byte(tt.msg))
			s := m.Structure()
			n, held := 0, 0
			for p := range s.Root.All() {
				n++
				held += len(p.HeaderText())
			}
			if n != tt.parts || held > 2*MaxHeader {
				t.Errorf("%d parts, %d bytes of headers", n, held)
			}
			switch {
			case tt.limit == "" && s.Limit != nil:
				t.Errorf("limit %v", s.Limit)
			case tt.limit != "" && (!errors.Is(s.Limit, ErrStructure) || !strings.Contains(s.Limit.Error(), tt.limit)):
				t.Errorf("limit %v, want %q", s.Limit, tt.limit)
			}
		})
	}
}

// failingBody cannot be read.
type failingBody struct{}

func (failingBody) ReadAt([]byte, int64) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestStructureOfUnreadableBody(t *testing.T) {
	m := newMessage("Content-Type: multipart/mixed; boundary=b\n\n", &body{r: failingBody{}, size: 10})
	s := m.Structure()
	if !errors.Is(s.Limit, io.ErrUnexpectedEOF) || len(s.Root.Children) != 0 {
		t.Errorf("limit %v, %d parts", s.Limit, len(s.Root.Children))
	}
}

// FuzzMIME takes apart anything: the parts of a multipart and its boundaries lie
// in it one after the other, and every content can be read.
func FuzzMIME(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=A\n\np\n--A\n\n1\n--A\nContent-Type: message/rfc822\n\nX: y\n\nz\n--A--\ne\n"))
	f.Add([]byte("Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<p>=E9"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=\n\n--\n--\n\nx\n----\n"))
	f.Add([]byte("Content-Type: multipart/digest; boundary*0*=utf-8''%41; boundary*1=B\nContent-Transfer-Encoding: base64\n\n--AB\n\n\n--AB"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := Parse(raw)
		root := m.Structure().Root
		if root.from != 0 || root.end != m.body.size {
			t.Fatalf("the root is %d to %d of %d", root.from, root.end, m.body.size)
		}
		for p := range root.All() {
			at := p.from
			for _, c := range p.Children {
				if c.Parent != p || c.start < at || c.from < c.start || c.end < c.from || c.end > p.end {
					t.Fatalf("a part at %d, %d to %d, in one of %d to %d behind %d", c.start, c.from, c.end, p.from, p.end, at)
				}
				at = c.end
			}
			if p.prologue < p.from || p.prologue > p.end || p.epilogue > p.end {
				t.Fatalf("prologue %d, epilogue %d in %d to %d", p.prologue, p.epilogue, p.from, p.end)
			}
			if _, _, err := p.Text(1 << 16); err != nil && !errors.Is(err, ErrEncoding) && !strings.Contains(err.Error(), "base64") {
				t.Fatal(err)
			}
		}
	})
}

// Append reads what Open does, within its limit.
func TestAppend(t *testing.T) {
	for _, tt := range []struct{ head, body string }{
		{"", "plain text"},
		{"Content-Type: text/plain; charset=utf-8\n", "Größe \xff broken \xc3"},
		{"Content-Type: text/plain; charset=US-ASCII\n", "Größe"},
		{"Content-Type: text/html; charset=iso-8859-1\n", "Gr\xf6\xdfe"},
		{"Content-Type: text/plain; charset=nonsense\n", "Gr\xf6\xdfe"},
		{"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n", "Gr=C3=B6=\n=C3=9Fe =3D= \nmore=ff  \n"},
		{"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n", "R3LDtsOfZQ=="},
		{"Content-Transfer-Encoding: x-unknown\n", "text"},
	} {
		p := Parse([]byte(tt.head + "\n" + tt.body)).Structure().Root
		var want []byte
		r, err := p.Open()
		if err == nil {
			want, err = io.ReadAll(r)
		}
		got, err2 := p.Append([]byte("in front "), 1000)
		if string(got) != "in front "+string(want) || (err == nil) != (err2 == nil) {
			t.Errorf("%q %q: %q, %v, Open gives %q, %v", tt.head, tt.body, got, err2, want, err)
		}
		if short, _ := p.Append(nil, 5); len(short) > 5 || !strings.HasPrefix(string(want), string(short)) {
			t.Errorf("%q: %q of %q", tt.head, short, want)
		}
	}
}

func TestWithoutComments(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "a (b) c": "a  c", "(a (b) c)d": "d", `(a \) b)c`: "c", `a\(b)`: `a\`, "a) b": "a) b", "a (b": "a ", `(a\`: "",
	} {
		if got := WithoutComments(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
