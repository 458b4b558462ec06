package mailbag

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"mime"
	"mime/quotedprintable"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// text is a message under way.
type text struct {
	r      *rand.Rand
	s      *sender
	other  *sender // whose text is put behind
	n      int
	length int // words
	cut    bool
}

// message writes the whole message.
func (t *text) message() []byte {
	var b bytes.Buffer
	r, s := t.r, t.s
	fmt.Fprintf(&b, "Received: from mail.%s (mail.%[1]s [198.51.%d.%d])\n\tby mx.example.org with ESMTPS id %08x;\n\tSun, 1 Nov 2026 12:%02d:%02d +0100\n",
		s.host, len(s.host)*7%256, len(s.address)*11%256, r.Uint32(), r.IntN(60), r.IntN(60))
	fmt.Fprintf(&b, "From: %s <%s>\nTo: user@example.org\n", s.name, s.address)
	fmt.Fprintf(&b, "Subject: %s\n", mime.QEncoding.Encode("utf-8", t.words(s, 2+r.IntN(6))))
	fmt.Fprintf(&b, "Message-ID: <%x.%d@%s>\nDate: Sun, 1 Nov 2026 12:%02d:00 +0100\n", r.Uint64(), t.n, s.host, r.IntN(60))
	if s.mailer != "" {
		fmt.Fprintf(&b, "X-Mailer: %s\n", s.mailer)
	}
	b.WriteString("MIME-Version: 1.0\n")
	plain := t.words(s, t.length)
	if t.other != nil {
		plain += "\n\n" + t.words(t.other, t.length)
	}
	html := r.IntN(100) < s.html
	switch {
	case html && r.IntN(2) == 0:
		boundary := fmt.Sprintf("b%x", r.Uint64())
		fmt.Fprintf(&b, "Content-Type: multipart/alternative; boundary=%s\n\n--%[1]s\n", boundary)
		t.part(&b, "plain", plain)
		fmt.Fprintf(&b, "\n--%s\n", boundary)
		t.part(&b, "html", t.markUp(plain))
		fmt.Fprintf(&b, "\n--%s--\n", boundary)
	case html:
		t.part(&b, "html", t.markUp(plain))
	default:
		for _, link := range s.links {
			plain += fmt.Sprintf("\nhttps://%s/%x\n", link, r.Uint32())
		}
		t.part(&b, "plain", plain)
	}
	return b.Bytes()
}

// words writes n words of a sender.
func (t *text) words(s *sender, n int) string {
	var b strings.Builder
	for i := range n {
		var w string
		switch k := t.r.IntN(100); {
		case k < 55:
			w = frequent(t.r, s.language.common)
		case k < 96:
			w = frequent(t.r, s.language.about[s.topics[t.r.IntN(len(s.topics))]])
		default:
			w = s.language.word(t.r)
		}
		if t.cut && s == t.s && t.r.IntN(4) == 0 {
			w = strings.NewReplacer("a", "4", "e", "3", "i", "1", "o", "0").Replace(w)
		}
		b.WriteString(w)
		switch {
		case i%12 == 11:
			b.WriteString(".\n")
		case s.language.spaced:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// markUp makes HTML of text, with the sender's links.
func (t *text) markUp(text string) string {
	var b strings.Builder
	b.WriteString("<html><head><style>p { color: black }</style></head><body>\n")
	for i, p := range strings.Split(text, ".\n") {
		fmt.Fprintf(&b, "<p>%s</p>\n", p)
		if i < len(t.s.links) {
			fmt.Fprintf(&b, "<a href=\"https://%s/%x\"><img src=\"https://%[1]s/%[3]d.png\"></a>\n", t.s.links[i], t.r.Uint32(), i)
		}
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

// part writes a part with its fields, in UTF-8 or the language's older charset.
func (t *text) part(b *bytes.Buffer, subtype, text string) {
	label := "utf-8"
	if other := t.s.language.charset; t.other == nil && t.r.IntN(3) == 0 {
		if e, err := htmlindex.Get(other); err == nil {
			if old, err := e.NewEncoder().String(text); err == nil {
				label, text = other, old
			}
		}
	}
	fmt.Fprintf(b, "Content-Type: text/%s; charset=%s\nContent-Transfer-Encoding: ", subtype, label)
	switch t.r.IntN(3) {
	case 0:
		b.WriteString("base64\n\n")
		code := base64.StdEncoding.EncodeToString([]byte(text))
		for len(code) > 76 {
			b.WriteString(code[:76] + "\n")
			code = code[76:]
		}
		b.WriteString(code + "\n")
	case 1:
		b.WriteString("quoted-printable\n\n")
		w := quotedprintable.NewWriter(b)
		_, _ = w.Write([]byte(text)) // a bytes.Buffer takes everything
		_ = w.Close()
		b.WriteByte('\n')
	default:
		b.WriteString("8bit\n\n" + text + "\n")
	}
}
