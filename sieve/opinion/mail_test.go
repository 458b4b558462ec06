package opinion

import (
	"fmt"
	"regexp"
	"strings"

	"dovetail/internal/message"
)

// field is a header field of a generated message.
type field struct {
	name  string
	text  string // as in the message, perhaps folded
	value string // what it means, roughly: keys are made of it
}

// mail is a generated message with its envelope.
type mail struct {
	fields   []field
	body     string
	crlf     bool
	envelope message.Envelope
}

// bytes gives the message as it is delivered.
func (m *mail) bytes() []byte {
	var b strings.Builder
	for _, f := range m.fields {
		b.WriteString(f.name + ":" + f.text + "\n")
	}
	b.WriteString("\n" + m.body)
	if m.crlf {
		return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n"))
	}
	return []byte(b.String())
}

// parseMail reads a message that is written by hand, with LF as line end.
func parseMail(text string) *mail {
	head, body, _ := strings.Cut(text, "\n\n")
	m := &mail{body: body}
	m.envelope = message.Envelope{From: "sender@example.com", To: "user@example.org", OrigTo: "user@example.org"}
	for _, line := range regexp.MustCompile(`(?m)^\S.*(\n[ \t].*)*`).FindAllString(head, -1) {
		name, value, _ := strings.Cut(line, ":")
		m.fields = append(m.fields, field{name, value, strings.TrimSpace(value)})
	}
	return m
}

// value gives the value of any field of the names, of any at all without names.
func (m *mail) value(r random, names ...string) string {
	var values []string
	for _, f := range m.fields {
		for _, name := range names {
			if strings.EqualFold(strings.TrimSpace(f.name), name) {
				values = append(values, f.value)
			}
		}
	}
	if len(values) == 0 {
		return pick(r, m.fields...).value
	}
	return pick(r, values...)
}

// names are those of header fields that messages have and tests look at.
var (
	addressNames = []string{"From", "To", "Cc", "Reply-To", "Sender", "Resent-To", "Bcc"}
	textNames    = []string{"Subject", "X-Tag", "X-Num", "List-Id", "Comments", "X-Spam-Flag", "Message-ID"}
	dateNames    = []string{"Date", "Received", "Resent-Date"}
)

// newMail makes a message.
func newMail(r random) *mail {
	m := &mail{crlf: !r.one(4)}
	m.envelope = message.Envelope{From: envelopeAddress(r), To: envelopeAddress(r)}
	m.envelope.OrigTo = m.envelope.To
	for i := 0; i < 2+r.IntN(3); i++ {
		m.add(r, pick(r, addressNames...))
	}
	for i := 0; i < 2+r.IntN(5); i++ {
		m.add(r, pick(r, textNames...))
	}
	for range r.IntN(3) {
		m.add(r, pick(r, dateNames...))
	}
	r.Shuffle(len(m.fields), func(i, j int) { m.fields[i], m.fields[j] = m.fields[j], m.fields[i] })
	m.makeBody(r)
	return m
}

// add adds a field with a value that suits its name.
func (m *mail) add(r random, name string) {
	f := field{name: name}
	switch {
	case contains(addressNames, name):
		f.text, f.value = addressList(r)
	case contains(dateNames, name):
		f.value = dateTime(r)
		f.text = f.value
		if name == "Received" {
			f.text = "from " + pick(r, domains...) + " by " + pick(r, domains...) + " with esmtp; " + f.value
		}
	case name == "X-Num":
		f.value = number(r)
		f.text = f.value
	default:
		f.text, f.value = phraseText(r)
	}
	switch r.IntN(12) {
	case 0:
		f.name = strings.ToUpper(name)
	case 1:
		f.name = strings.ToLower(name)
	case 2:
		f.name = name + " " // obsolete syntax (RFC 5322 section 4.5.8)
	}
	switch r.IntN(8) {
	case 0: // nothing before the value
	case 1:
		f.text = "  " + f.text + " "
	default:
		f.text = " " + f.text
	}
	if r.one(6) {
		f.text = fold(r, f.text)
	}
	m.fields = append(m.fields, f)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// fold puts line breaks at some spaces.
func fold(r random, s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' && i > 0 && i < len(s)-1 && r.one(2) {
			b.WriteString(pick(r, "\n ", "\n\t", "\n  ", " \n "))
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var (
	words   = []string{"hello", "Hello", "WORLD", "spam", "viagra", "a", "b", "ab", "aab", "abc", "x*y", "what?", "back\\slash", "10%", "[list]", "(x)", "Grüße", "ñandú", "日本", "$5", "a.b", "^top", "-", "1", "007"}
	locals  = []string{"anna", "Bert", "carl.c", "dora+list", "e-f", "+plus", "two+part+detail", "o'neil", "x_y"}
	domains = []string{"example.com", "Example.ORG", "mail.example.net", "sub.dom.example", "localhost"}
)

// phraseText makes unstructured text, and what it means.
func phraseText(r random) (text, value string) {
	var texts, values []string
	for range r.IntN(5) {
		w := pick(r, words...)
		switch r.IntN(14) {
		case 0:
			e, v := encodedWord(r, w)
			texts, values = append(texts, e), append(values, v)
		case 1:
			texts, values = append(texts, w+string(rune(0xe9))), append(values, w+"é")
		case 2:
			texts, values = append(texts, w+"\xe9\xff"), append(values, w)
		case 3:
			texts, values = append(texts, "", w), append(values, "", w)
		default:
			texts, values = append(texts, w), append(values, w)
		}
	}
	return strings.Join(texts, " "), strings.Join(values, " ")
}

// encodedWord writes w as RFC 2047 has it, or nearly.
func encodedWord(r random, w string) (text, value string) {
	q := func(s string) string {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] >= 'a' && s[i] <= 'z' {
				b.WriteByte(s[i])
				continue
			}
			fmt.Fprintf(&b, "=%02X", s[i])
		}
		return b.String()
	}
	switch r.IntN(8) {
	case 0:
		return "=?utf-8?q?" + q(w) + "?=", w
	case 1:
		return "=?UTF-8?Q?" + q(w) + "_x?=", w + " x"
	case 2:
		return "=?iso-8859-1?q?" + q("a\xe4b") + "?=", "aäb"
	case 3:
		return "=?utf-8?b?R3LDvMOfZQ==?=", "Grüße"
	case 4:
		return "=?us-ascii*en?q?" + q("abc") + "?=", "abc"
	case 5:
		return "=?utf-8?q?" + q(w) + "?= =?utf-8?q?" + q("b") + "?=", w + "b"
	case 6:
		return "=?utf-8?x?abc?=", "=?utf-8?x?abc?="
	}
	return "=?utf-8?q?" + q(w), "=?utf-8?q?"
}

// address makes an address as an envelope has it.
func envelopeAddress(r random) string {
	return pick(r, locals...) + "@" + pick(r, domains...)
}

// addressList makes a list of addresses, and one of those that it means.
func addressList(r random) (text, value string) {
	var items, values []string
	for range 1 + r.IntN(3) {
		item, v := mailbox(r)
		items = append(items, item)
		if v != "" {
			values = append(values, v)
		}
	}
	text = strings.Join(items, pick(r, ", ", ", ", ",", " , "))
	if !r.clean && r.one(10) {
		text = pick(r, "Group: ", "\"a, b\": ", "undisclosed recipients:") + text + pick(r, ";", ";", "")
	}
	if !r.clean && r.one(25) {
		text += pick(r, ",", ", ,", ";", "(")
	}
	if len(values) == 0 {
		return text, text
	}
	return text, pick(r, values...)
}

// mailbox makes one entry of an address list: mostly a good one.
func mailbox(r random) (text, value string) {
	addr := envelopeAddress(r)
	local, domain, _ := strings.Cut(addr, "@")
	kinds := 24
	if r.clean {
		kinds = 11
	}
	switch r.IntN(kinds) {
	case 0, 1, 2, 3, 4:
		return addr, addr
	case 5, 6, 7, 8:
		return pick(r, "Anna", "Anna B.", "\"B, Bert\"", "=?utf-8?q?J=C3=B6rg?=", "Jörg", "\"a\\\"b\"") + " <" + addr + ">", addr
	case 9, 10:
		return "<" + addr + ">", addr
	case 11:
		return "(comment) " + addr, addr
	case 12:
		return addr + " (Anna B.)", addr
	case 13:
		return local + " @ " + domain, addr
	case 14:
		return "<@route.example,@b.example:" + addr + ">", addr
	case 15:
		return "\"" + local + "\"@" + domain, addr
	case 16:
		return "\"a b\"@" + domain, "a b@" + domain
	case 17:
		return local + "@[192.0.2.1]", local + "@[192.0.2.1]"
	case 18:
		return "undisclosed-recipients:;", ""
	case 19:
		return "Friends: " + addr + ", <x@y.example>;", addr
	case 20:
		return local, ""
	case 21:
		return "<" + local + ">", ""
	case 22:
		return pick(r, "@"+domain, local+"@", "<>", "a@@"+domain, "<"+addr, "\"open@"+domain, "a b "+addr, addr+" x", local+"..x@"+domain, ".x@"+domain, ""), addr
	}
	return local + "@" + domain + ".", addr
}

// number makes text for i;ascii-numeric and :count.
func number(r random) string {
	return pick(r, "0", "1", "2", "02", "10", "9", "100", "12abc", "-1", "+1", " 5", "", "x7", "99999999999999999999", "3.5")
}

// dateTime makes a date as RFC 5322 has it, or nearly.
func dateTime(r random) string {
	return pick(r,
		"Sat, 21 Nov 2026 10:11:12 +0000", "Sun, 1 Mar 2026 00:00:00 +0100", "31 Dec 2025 23:59:59 -0800",
		"Wed, 29 Feb 2028 12:30:00 +0530", "1 Jan 1970 00:00:00 +0000", "Fri, 13 Feb 2009 23:31:30 GMT",
		"Tue, 3 Nov 2026 7:05:00 EST", "Sat, 21 Nov 2026 10:11 +0200", "21 Nov 26 10:11:12 +0000", "tomorrow",
		"Sat, 21 Nov 2026", "Sat, 32 Nov 2026 10:11:12 +0000", "Sat, 21 Nov 2026 10:11:12", "Mon, 5 Jul 2038 08:09:10 +1400 (comment)")
}

// makeBody makes a body: plain text, or a few MIME parts.
func (m *mail) makeBody(r random) {
	var lines []string
	for range r.IntN(5) {
		lines = append(lines, strings.Join(some(r, 4, words), " "))
	}
	text := strings.Join(lines, "\n")
	if len(lines) > 0 && !r.one(4) {
		text += "\n"
	}
	switch r.IntN(8) {
	case 0, 1:
		m.body = "preamble\n--frontier\nContent-Type: text/plain; charset=utf-8\n\n" + text +
			"\n--frontier\nContent-Type: " + pick(r, "text/html", "text/x-other", "application/octet-stream") +
			"\nContent-Transfer-Encoding: " + pick(r, "7bit", "base64", "quoted-printable") +
			"\n\n" + pick(r, "aGVsbG8gd29ybGQ=", "hel=6Co =\nworld", "<p>hello <b>WORLD</b></p>") + "\n--frontier--\nepilogue\n"
		m.fields = append(m.fields, field{"MIME-Version", " 1.0", "1.0"},
			field{"Content-Type", " multipart/" + pick(r, "mixed", "alternative") + "; boundary=frontier", "multipart/mixed"})
	case 2:
		m.body = pick(r, "aGVsbG8gd29ybGQ=\n", "R3LDvMOfZQ==")
		m.fields = append(m.fields, field{"MIME-Version", " 1.0", "1.0"}, field{"Content-Transfer-Encoding", " base64", "base64"},
			field{"Content-Type", " text/plain; charset=\"utf-8\"", "text/plain"})
	default:
		m.body = text
	}
}
