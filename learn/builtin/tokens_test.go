package builtin

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/message"
)

func names(t *testing.T, raw string) []string {
	t.Helper()
	f, err := tokensOf(message.Parse([]byte(raw)))
	if err != nil || len(f.tokens) != len(f.ends) {
		t.Fatal(len(f.tokens), len(f.ends), err)
	}
	var texts []string
	for i, tok := range f.tokens {
		h := fnv.New64a()
		io.WriteString(h, f.name(i))
		if token(h.Sum64()) != tok {
			t.Errorf("the token of %q is not its hash", f.name(i))
		}
		texts = append(texts, f.name(i))
	}
	return texts
}

func TestTokens(t *testing.T) {
	html := func(s string) string { return "Content-Type: text/html; charset=utf-8\n\n" + s }
	for _, tt := range []struct{ name, raw, with, without string }{
		{"words", "\nThe cheap offer, isn't it? a to 50% off free! mail user@example.com", "the cheap offer isn't 50% off free! user@example.com", "it to a The"},
		{"shouting", "\nWIN more MONEY", "win shout:money money more", "WIN shout:more"},
		{"long", "\n" + strings.Repeat("x", 47), "long:40", strings.Repeat("x", 47)},
		{"other letters", "\nÜBER Größe Привет", "über größe привет shout:über", ""},
		{"no spaces", "\n今天天气 hello", "今天 天天 天气 hello", "今天天气"},
		{"subject", "Subject: =?utf-8?q?Caf=C3=A9?= offer\n\n", "subject:café subject:offer field:subject", "café"},
		{"addresses", "From: \"Anna B.\" <Anna@Mail.Example.org>\nTo: undisclosed-recipients:;\n\n",
			"from:anna@mail.example.org from:@mail.example.org from:@example.org from:anna", "from:@org"},
		{"many", "To: " + strings.Repeat("a@b.example, ", 12) + "a@b.example\n\n", "to:many", "to:several"},
		{"message id", "Message-ID: <1234567@mx.example.org>\n\n", "message-id:mx.example.org message-id:example.org", "message-id:1234567"},
		{"dates", "Date: Sun, 1 Nov 2026 12:00:00 +0100\n\n", "field:date", "date:nov date:2026"},
		{"signature", "DKIM-Signature: v=1; a=rsa; d=mail.example.org; b=abcdefgh\n\n", "dkim:mail.example.org", "dkim-signature:abcdefgh"},
		{"received", "Received: from x.example.net ([192.0.2.7] helo=bad.example)\n by mx.example.org; Sun\n\n",
			"received:x.example.net received:192.0.2.7/32 received:192.0.2.0/24 received:192.0.0.0/16 received:bad.example", "received:sun field:received"},
		{"not ours", "X-Spam-Status: Yes\nX-Spam-Flag: YES\nDelivered-To: anna\nX-Bogosity: Spam\nX-Other: some\n\n", "field:x-other x-other:some",
			"field:x-spam-status field:x-spam-flag field:delivered-to field:x-bogosity x-bogosity:spam"},
		{"base64", "Content-Transfer-Encoding: base64\n\naGlkZGVuIHdvcmRz\n", "hidden words encoding:text/plain|base64", "agLkzgvuihdvcmrz"},
		{"charset", "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: quoted-printable\n\n=D0=D2=C9=D7=C5=D4\n", "привет charset:koi8-r", ""},
		{"html text", html("<p>one</p>two<br>three<b>four</b><!-- five --><style>six</style><script>seven</script>"), "one two threefour tag:p tag:br tag:style html:comment", "five six seven three four"},
		{"html links", html(`<a href="https://shop.example.com:8080/buy/now?x=1" style="color: red; Display:none">text</a><img src=http://192.0.2.9/x.png>`),
			"url:shop.example.com url:example.com url-port:8080 path:buy path:now css:display=none css:color=red url:192.0.2.0/24 attr:img|src text", "url:com"},
		{"entities", html("fish &amp; ch&#105;ps"), "fish chips", "amp"},
		{"mailto", html(`<a href="mailto:Shop@example.com?subject=x">`), "scheme:mailto mailto:shop@example.com", ""},
		{"plain links", "\nsee https://www.example.com/path, or www.example.net.", "url:www.example.com url:example.com url:www.example.net see", "https"},
		{"structure", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\nContent-Type: application/zip; name=\"old.txt\"\nContent-Disposition: attachment; filename=\"Your Invoice.PDF.exe\"\n\nbinary\n--x--\n",
			"type:multipart/mixed type:application/zip disposition:attachment extension:.exe file:invoice.pdf text parts:2", "binary file:old"},
		{"broken encoding", "Content-Transfer-Encoding: x-rot13\n\ntext\n", "mime:unreadable", "text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := names(t, tt.raw)
			for _, want := range strings.Fields(tt.with) {
				if !slices.Contains(got, strings.ReplaceAll(want, "|", " ")) {
					t.Errorf("%q is missing in %q", want, got)
				}
			}
			for _, bad := range strings.Fields(tt.without) {
				if slices.Contains(got, bad) {
					t.Errorf("%q is in %q", bad, got)
				}
			}
		})
	}
}

// However big a message is, what is taken of it is bounded.
func TestBounds(t *testing.T) {
	var b bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&b, "X-Field-%d: word%d\n", i, i)
	}
	if got := names(t, b.String()); len(got) > maxFields*2+10 {
		t.Errorf("%d tokens of fields", len(got))
	}
	b.Reset()
	b.WriteByte('\n')
	for i := range 100_000 {
		fmt.Fprintf(&b, "word%d ", i)
	}
	if got := names(t, b.String()); len(got) != maxTokens {
		t.Errorf("%d tokens of a text", len(got))
	}
	// Text beyond the bound is not read, whichever parts it is in.
	same := strings.Repeat("same words ", maxText/10)
	for _, kind := range []string{"text/plain", "text/html"} {
		part := "--x\nContent-Type: " + kind + "\n\n" + same + "\n"
		got := names(t, "Content-Type: multipart/mixed; boundary=x\n\n"+part+"--x\n\nfurther\n--x--\n")
		if !slices.Contains(got, "same") || slices.Contains(got, "further") {
			t.Errorf("%s: %q", kind, got)
		}
	}
	for _, text := range names(t, "From: "+strings.Repeat("a", 300)+"@example.org\n\n") {
		if len(text) > maxTokenBytes+20 {
			t.Errorf("token %q", text)
		}
	}
	parts := names(t, "Content-Type: multipart/mixed; boundary=x\n\n"+strings.Repeat("--x\n\n", 200)+"--x\n\nfar behind\n")
	if slices.Contains(parts, "behind") {
		t.Error("the 201st part was read")
	}
}

// The values are those of tables of the distribution.
func TestChiSquare(t *testing.T) {
	for _, tt := range []struct {
		x    float64
		n    int
		want float64
	}{{3.841, 1, 0.1465}, {9.488, 2, 0.05}, {18.307, 5, 0.05}, {31.410, 10, 0.05}, {0, 4, 1}, {1e6, 150, 0}} {
		if got := chiSquare(tt.x, tt.n); math.Abs(got-tt.want) > 1e-3 {
			t.Errorf("chiSquare(%g, %d) = %g, want %g", tt.x, tt.n, got, tt.want)
		}
	}
}

func TestCombine(t *testing.T) {
	clues := func(n int, p float64) []float64 { return slices.Repeat([]float64{p}, n) }
	for _, tt := range []struct {
		name     string
		clues    []float64
		low, top float64
	}{
		{"nothing", nil, 0.5, 0.5},
		{"spam", clues(20, 0.99), 0.999, 1},
		{"ham", clues(20, 0.01), 0, 0.001},
		{"both", append(clues(20, 0.99), clues(20, 0.01)...), 0.49, 0.51},
		{"one weak clue", clues(1, 0.7), 0.5, 0.8},
		{"at the limit", clues(maxClues, 1-1e-12), 0.999, 1},
	} {
		if got := combine(tt.clues); !(got >= tt.low && got <= tt.top) {
			t.Errorf("%s: %g", tt.name, got)
		}
	}
	many := append(clues(200, 0.55), append(clues(200, 0.9), 0.05)...)
	if got := strongest(many); len(got) != maxClues || got[0] != 0.05 {
		t.Errorf("%d clues, first %v", len(got), got[0])
	}
}

// The rule of the site's and the user's counts, as the package says it.
func TestProbability(t *testing.T) {
	site := counts{1000, 1000}
	near := func(got, want float64) bool { return math.Abs(got-want) < 0.005 }
	for _, tt := range []struct {
		name     string
		v        vocabulary
		site     counts
		own      counts
		wantProb float64
	}{
		{"unknown", vocabulary{site: site}, counts{}, counts{}, 0.5},
		{"the site's", vocabulary{site: site}, counts{300, 100}, counts{}, 0.75},
		{"uneven classes", vocabulary{site: counts{2000, 500}}, counts{600, 150}, counts{}, 0.5},
		{"own, as many as the site's weight", vocabulary{site: site, own: counts{100, 100}}, counts{300, 100}, counts{0, 20}, 30.0 / 60},
		{"own, many", vocabulary{site: site, own: counts{900, 900}}, counts{300, 100}, counts{0, 180}, 30.0 / 220},
		{"own of one class", vocabulary{site: site, own: counts{100, 0}}, counts{600, 500}, counts{100, 0}, 160.0 / 200 / (160.0/200 + 0.5)},
		{"rare", vocabulary{site: site}, counts{1, 0}, counts{}, (strength*0.5 + 1) / (strength + 1)},
	} {
		if got := tt.v.probability(tt.site, tt.own); !near(got, tt.wantProb) {
			t.Errorf("%s: %g, want %g", tt.name, got, tt.wantProb)
		}
	}
}

// FuzzTokens: whatever the message, its tokens are bounded and the same each time.
func FuzzTokens(f *testing.F) {
	f.Add([]byte("From: a@b.c\nSubject: x\n\nwww.x http://[::1 漢字 abc' a--b"))
	f.Add([]byte("Content-Type: text/html\n\n<a href='http://x/'><style>a<p style='a:b;c'>&#x41;"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := tokensOf(message.Parse(raw))
		b, err2 := tokensOf(message.Parse(raw))
		if err != nil || err2 != nil || len(a.tokens) > maxTokens || !slices.Equal(a.tokens, b.tokens) {
			t.Errorf("%+v, %+v, %v, %v", a, b, err, err2)
		}
	})
}
