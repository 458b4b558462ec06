package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/unicode"
)

// ErrEncoding says that a content cannot be read, since its transfer encoding is unknown.
var ErrEncoding = errors.New("unknown content transfer encoding")

// Open reads the content with its transfer encoding undone (RFC 2045 section 6),
// and text as UTF-8, with U+FFFD for what is none. A broken encoding is read as
// far as possible, text in an unknown charset as if it were UTF-8. The error is
// ErrEncoding.
func (p *Part) Open() (io.Reader, error) {
	r, err := p.decoded()
	if err != nil {
		return nil, err
	}
	_, labelled := p.media.Param("charset")
	if typ, _ := p.media.Parts(); typ != "text" && typ != "message" && !(labelled && p.IsText()) {
		return r, nil
	}
	if label := p.otherCharset(); label != "" {
		if converted, err := charset.Reader(label, r); err == nil {
			return converted, nil
		}
	}
	return unicode.UTF8.NewDecoder().Reader(r), nil
}

// Append appends to dst what Open reads of a text, at most limit bytes, cut at a
// character's border. Where there is no charset to convert it takes less time. What
// was read before an error stands.
func (p *Part) Append(dst []byte, limit int) ([]byte, error) {
	open, converts := p.Open, p.otherCharset() != ""
	if !converts {
		open = p.decoded
	}
	r, err := open()
	if err != nil {
		return dst, err
	}
	start := len(dst)
	b := bytes.NewBuffer(dst)
	_, err = b.ReadFrom(io.LimitReader(r, int64(limit)))
	dst = cutAt(b.Bytes(), start+limit)
	if !converts && !utf8.Valid(dst[start:]) {
		// It replaces what is broken, and so never fails.
		text, _ := unicode.UTF8.NewDecoder().Bytes(dst[start:])
		dst = cutAt(append(dst[:start], text...), start+limit)
	}
	return dst, err
}

// cutAt gives less than limit bytes of a text, or limit bytes without the character
// that may be cut there.
func cutAt(text []byte, limit int) []byte {
	if len(text) < limit {
		return text
	}
	text = text[:limit]
	for i := limit - 1; i >= max(limit-utf8.UTFMax, 0); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return text[:i]
			}
			break
		}
	}
	return text
}

// otherCharset gives the label of a charset that is none of UTF-8; "" for none.
func (p *Part) otherCharset() string {
	label, _ := p.media.Param("charset")
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return ""
	}
	return label
}

// decoded undoes the transfer encoding.
func (p *Part) decoded() (io.Reader, error) {
	encoding := ""
	for f := range p.Header("Content-Transfer-Encoding") {
		encoding = strings.ToLower(strings.TrimSpace(WithoutComments(f.Value())))
		break
	}
	r := p.OpenRaw()
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return r, nil
	case "quoted-printable":
		return &qpReader{in: bufio.NewReader(r)}, nil
	case "base64":
		return base64.NewDecoder(base64.RawStdEncoding, &base64Filter{in: r}), nil
	}
	return nil, fmt.Errorf("%w %q", ErrEncoding, encoding)
}

// base64Filter leaves the characters of base64 and ends at the first "=", so that
// what is broken can be decoded: RFC 2045 section 6.8 has all others ignored.
type base64Filter struct {
	in  io.Reader
	end bool
}

func (f *base64Filter) Read(p []byte) (int, error) {
	for !f.end {
		n, err := f.in.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c == '=' {
				f.end = true
				break
			}
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
	return 0, io.EOF
}

// qpReader undoes quoted-printable (RFC 2045 section 6.7). What is no valid
// escape stays as it is, where the reader of the standard library gives up.
type qpReader struct {
	in   *bufio.Reader
	line []byte // decoded, not yet read
	cut  []byte // the begin of an escape, not yet decoded
	err  error
}

func (q *qpReader) Read(p []byte) (int, error) {
	for len(q.line) == 0 {
		if q.err != nil {
			return 0, q.err
		}
		var piece []byte
		piece, q.err = q.in.ReadSlice('\n')
		if len(q.cut) > 0 {
			piece, q.cut = append(q.cut, piece...), nil
		}
		part := errors.Is(q.err, bufio.ErrBufferFull)
		if part {
			q.err = nil
			n := len(piece) - cutEscape(piece)
			piece, q.cut = piece[:n], bytes.Clone(piece[n:])
		}
		q.line = decodeQP(piece, part)
	}
	n := copy(p, q.line)
	q.line = q.line[n:]
	return n, nil
}

// cutEscape tells how many bytes at the end of a piece of a line begin an escape.
func cutEscape(piece []byte) int {
	switch n := len(piece); {
	case piece[n-1] == '=':
		return 1
	case piece[n-2] == '=':
		return 2
	}
	return 0
}

// decodeQP decodes a line, or a part of one that goes on, in place.
func decodeQP(line []byte, part bool) []byte {
	end := len(line)
	newline := end > 0 && line[end-1] == '\n'
	if newline {
		// White space at the end of a line is not of the content (rule 3).
		for end--; end > 0 && strings.IndexByte(" \t\r", line[end-1]) >= 0; end-- {
		}
	}
	out := line[:0]
	for i := 0; i < end; i++ {
		switch c := line[i]; {
		case c != '=':
			out = append(out, c)
		case i == end-1 && !part: // a soft line break
			newline = false
		case i+2 < end && unhex(line[i+1]) >= 0 && unhex(line[i+2]) >= 0:
			out = append(out, byte(unhex(line[i+1])<<4|unhex(line[i+2])))
			i += 2
		default:
			out = append(out, c)
		}
	}
	if newline {
		out = append(out, '\n')
	}
	return out
}

// ReadBounded reads at most limit bytes and tells whether that was all. Text is
// cut at a character's border. What was read before an error stands.
func ReadBounded(r io.Reader, limit int) (s string, whole bool, err error) {
	return ReadSized(r, limit, 0)
}

// ReadSized is ReadBounded where it is known about how many bytes there are.
func ReadSized(r io.Reader, limit int, size int64) (s string, whole bool, err error) {
	size = min(size, int64(limit)) + 1
	var b strings.Builder
	b.Grow(int(size))
	_, err = io.CopyBuffer(&b, io.LimitReader(r, int64(limit)+1), make([]byte, min(max(size, 512), 32<<10)))
	s = b.String()
	if len(s) <= limit {
		return s, true, err
	}
	for limit > 0 && s[limit]&0xc0 == 0x80 {
		limit--
	}
	return s[:limit], false, err
}
