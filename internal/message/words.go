package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/ianaindex"
)

// DecodeWords gives s with its encoded words (RFC 2047) as UTF-8, as leniently
// as Dovecot: an encoded word may stand inside other text, and a charset that
// nobody knows leaves its bytes. What is no encoded word stays as it is, but bytes
// that are no UTF-8 become U+FFFD everywhere. White space between two encoded words goes
// (section 6.2), and a character may be split between words of one charset.
func DecodeWords(s string) string {
	at := strings.Index(s, "=?")
	if at < 0 {
		return validUTF8(s)
	}
	var out strings.Builder
	var label string // charset of the bytes that wait to be converted
	var wait []byte  // of one encoded word or several
	after := false   // an encoded word stands right before s
	for at >= 0 {
		w, ok := parseWord(s[at:])
		if !ok {
			at += 2
			next := strings.Index(s[at:], "=?")
			if next < 0 {
				break
			}
			at += next
			continue
		}
		if !after || strings.Trim(s[:at], " \t") != "" || !strings.EqualFold(label, w.label) {
			out.WriteString(toUTF8(label, wait))
			wait = nil
			if !after || strings.Trim(s[:at], " \t") != "" {
				out.WriteString(validUTF8(s[:at]))
			}
		}
		label, wait, after = w.label, append(wait, w.text...), true
		s = s[at+w.length:]
		at = strings.Index(s, "=?")
	}
	out.WriteString(toUTF8(label, wait))
	out.WriteString(validUTF8(s))
	return out.String()
}

// word is an encoded word.
type word struct {
	label  string // charset
	text   []byte // decoded, in that charset
	length int    // in the source
}

// parseWord reads the encoded word at the start of s.
//
//	encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
func parseWord(s string) (word, bool) {
	label, rest, ok := strings.Cut(s[2:], "?")
	if !ok || label == "" || len(rest) < 2 || rest[1] != '?' || strings.ContainsAny(label, " \t=") {
		return word{}, false
	}
	label, _, _ = strings.Cut(label, "*") // the language of RFC 2231 section 5
	encoding := rest[0] | 0x20
	// The text ends at the first "?": looking for "?=" behind it would take quadratic time.
	text, end, ok := strings.Cut(rest[2:], "?")
	if !ok || !strings.HasPrefix(end, "=") {
		return word{}, false
	}
	w := word{label: label, length: len(s) - len(rest) + 2 + len(text) + 2}
	switch encoding {
	case 'q':
		w.text = decodeQ(text)
	case 'b':
		var err error
		if w.text, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "= \t")); err != nil {
			return word{}, false
		}
	default:
		return word{}, false
	}
	return w, true
}

// decodeQ decodes the encoding "Q" (RFC 2047 section 4.2); a bad escape stays.
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			c = byte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		}
		out = append(out, c)
	}
	return out
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// toUTF8 converts text of a charset.
func toUTF8(label string, text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if !strings.EqualFold(label, "utf-8") {
		if b, err := convert(label, text); err == nil {
			text = b
		}
	}
	return validUTF8(string(text))
}

// convert is charset.Reader, without its buffers where that does the same.
func convert(label string, text []byte) ([]byte, error) {
	if e, err := ianaindex.MIME.Encoding(label); err == nil && e != nil {
		return e.NewDecoder().Bytes(text)
	}
	r, err := charset.Reader(label, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// validUTF8 puts U+FFFD in place of each run of bytes that are no UTF-8.
func validUTF8(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
