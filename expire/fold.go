package expire

import (
	"bytes"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"dovetail/maildir"
)

// fold puts text into the form in which it is compared (RFC 5051, i;unicode-casemap):
// title case, then taken apart. It appends to dst.
func fold(dst []byte, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		i += n
		var buf [utf8.UTFMax]byte
		letter := buf[:utf8.EncodeRune(buf[:], unicode.ToTitle(r))]
		if parts := norm.NFKD.Properties(letter).Decomposition(); parts != nil {
			letter = parts
		}
		dst = append(dst, letter...)
	}
	return dst
}

// needle is a text to look for.
type needle []byte

func newNeedle(text string) needle { return fold(nil, []byte(text)) }

// in tells whether a text holds the needle.
func (n needle) in(text string, b *scratch) bool {
	b.raw = append(b.raw[:0], text...)
	b.folded = fold(b.folded[:0], b.raw)
	return bytes.Contains(b.folded, n)
}

// chunk is how much of a body is read at a time.
const chunk = 64 << 10

// scratch is what the messages of a search share: buffers, and what looks at files.
type scratch struct {
	viewer              *maildir.Viewer
	subject             subject
	found               maildir.Found
	kept                []maildir.Found
	usual               int // how many of a stretch match
	raw, folded, chunks []byte
}

// inReader tells whether what r reads, which is UTF-8, holds the needle.
func (n needle) inReader(r io.Reader, b *scratch) (bool, error) {
	if b.chunks == nil {
		b.chunks = make([]byte, chunk+utf8.UTFMax)
	}
	folded, kept := b.folded[:0], 0
	defer func() { b.folded = folded }()
	for {
		got, err := r.Read(b.chunks[kept:])
		raw := b.chunks[:kept+got]
		whole := len(raw)
		if err == nil {
			whole -= cutRune(raw)
		}
		folded = fold(folded, raw[:whole])
		if bytes.Contains(folded, n) {
			return true, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return false, err
		}
		kept = copy(b.chunks, raw[whole:])
		if keep := len(n) - 1; len(folded) > keep {
			folded = folded[:copy(folded, folded[len(folded)-keep:])]
		}
	}
}

// cutRune gives the bytes of a character at the end that is not whole.
func cutRune(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		c := text[len(text)-n]
		if utf8.RuneStart(c) {
			if !utf8.FullRune(text[len(text)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
