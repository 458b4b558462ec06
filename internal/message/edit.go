package message

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"
)

// Sibling gives the part that follows in the same multipart, nil for the last one.
func (p *Part) Sibling() *Part {
	if p.Parent == nil || p.index+1 >= len(p.Parent.Children) {
		return nil
	}
	return p.Parent.Children[p.index+1]
}

// first gives the body that a body was made of by replacing parts: itself, mostly.
func (b *body) first() *body {
	if b.origin != nil {
		return b.origin
	}
	return b
}

// Find gives the part of m that stands where p stands in its message, where the
// two were made of one by editing header fields and replacing parts; nil when
// they were not, or nothing stands there.
func (m *Message) Find(p *Part) *Part {
	if m.body.first() != p.body.first() {
		return nil
	}
	if p.Parent == nil {
		return m.Structure().Root
	}
	at := m.Find(p.Parent)
	if at == nil || p.index >= len(at.Children) {
		return nil
	}
	return at.Children[p.index]
}

// TextEntity makes a part of a text in UTF-8, as a message of its own: text/plain,
// encoded where not all is short lines of ASCII. Line ends may be LF or CRLF.
func TextEntity(text string) *Message {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	encoding := "7bit"
	if !isPlain(text) {
		encoding = "quoted-printable"
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		// A strings.Builder takes everything.
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		text = strings.ReplaceAll(b.String(), "\r\n", "\n")
	}
	return Parse([]byte("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: " + encoding + "\n\n" + text))
}

// isPlain tells whether text can be sent as it is (RFC 5321 section 4.5.3.1.6).
func isPlain(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > 990 || strings.ContainsFunc(line, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\t' }) {
			return false
		}
	}
	return true
}

// ReplacePart gives the message with entity, its header and its content, in the
// place of a part other than the message itself. p is a part of m.Structure().
// The error is that of reading the body.
func (m *Message) ReplacePart(p *Part, entity *Message) (*Message, error) {
	if p.Parent == nil || p.body != m.body {
		return nil, errors.New("replacing a part that is not one of this message")
	}
	removed, err := countLines(p.section(p.start, p.end))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	old, added := m.body, entity.segments()
	b := &body{
		r:    slices.Concat(cut(old, 0, p.start), added, cut(old, p.end, old.size)),
		size: old.size - (p.end - p.start) + entity.Size(), origin: old.first(),
		lines: old.lines - removed + entity.VirtualSize() - entity.Size(),
	}
	replaced := newMessage(m.head, b)
	replaced.inner = m.inner
	return replaced, nil
}

// Enclose gives a new message with fields as its header, to which those of MIME
// are added: a multipart/mixed of entity and of m as message/rfc822 (RFC 5703
// section 6). The error is that of reading m.
func (m *Message) Enclose(fields []Field, entity *Message) (*Message, error) {
	boundary, err := m.boundary()
	if err != nil {
		return nil, fmt.Errorf("reading the message: %w", err)
	}
	all := slices.Concat(fields, []Field{
		RawField("MIME-Version", "1.0"),
		RawField("Content-Type", `multipart/mixed; boundary="`+boundary+`"`),
		RawField("Content-Transfer-Encoding", "8bit"), // whatever m holds
	})
	text := func(s string) segments { return segments{{strings.NewReader(s), 0, int64(len(s))}} }
	list := slices.Concat(
		text("--"+boundary+"\n"), entity.segments(),
		text("\n--"+boundary+"\nContent-Type: "+rfc822+"\nContent-Transfer-Encoding: 8bit\n\n"), m.segments(),
		text("\n--"+boundary+"--\n"))
	lines, size := int64(8), int64(0) // eight line ends around the two
	for _, s := range list {
		size += s.size
	}
	for _, part := range []*Message{entity, m} {
		lines += part.VirtualSize() - part.Size()
	}
	enclosing := newMessage(m.withFields(all, true).head, &body{r: list, size: size, lines: lines})
	enclosing.inner = m.Unenclosed()
	return enclosing, nil
}

// WithBody gives the message with fields as its header and the body of entity. What it
// encloses stays what Unenclosed gives.
func (m *Message) WithBody(fields []Field, entity *Message) *Message {
	n := entity.WithFields(fields)
	n.inner = m.inner
	return n
}

// Unenclosed gives the message as it was before it was first enclosed, whatever
// became of what encloses it.
func (m *Message) Unenclosed() *Message {
	if m.inner != nil {
		return m.inner
	}
	return m
}

// boundary gives a boundary that no line of m begins with.
func (m *Message) boundary() (string, error) {
	sum := sha256.Sum256([]byte(m.head))
	for n := 0; ; n++ {
		b := fmt.Sprintf("=_%x_%d", sum[:12], n)
		used, err := hasLine(m.Open(), "--"+b)
		if err != nil || !used {
			return b, err
		}
	}
}

// hasLine tells whether a line of r begins with prefix.
func hasLine(r io.Reader, prefix string) (bool, error) {
	in := bufio.NewReaderSize(r, 32<<10)
	for begin := true; ; {
		piece, err := in.ReadSlice('\n')
		if begin && bytes.HasPrefix(piece, []byte(prefix)) {
			return true, nil
		}
		switch begin = err == nil; {
		case err == io.EOF:
			return false, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return false, err
		}
	}
}

// segments gives the whole message as segments.
func (m *Message) segments() segments {
	head := segment{strings.NewReader(m.head), 0, int64(len(m.head))}
	return append(segments{head}, cut(m.body, 0, m.body.size)...)
}

// countLines counts the line ends that r gives, as lineEnds does.
func countLines(r io.Reader) (int64, error) {
	buf, cr := make([]byte, 32<<10), false
	for n := int64(0); ; {
		k, err := r.Read(buf)
		n += lineEnds(buf[:k])
		if k > 0 {
			if cr && buf[0] == '\n' {
				n--
			}
			cr = buf[k-1] == '\r'
		}
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// segment is a stretch of what r holds.
type segment struct {
	r         io.ReaderAt
	off, size int64
}

// segments are read as one.
type segments []segment

// cut gives the segments of a stretch of a body.
func cut(b *body, from, to int64) segments {
	whole, at := segments{{b.r, b.off, b.size}}, int64(0)
	if s, ok := b.r.(segments); ok {
		whole, at = s, -b.off
	}
	var out segments
	for _, s := range whole {
		lo, hi := max(from-at, 0), min(to-at, s.size)
		if lo < hi {
			out = append(out, segment{s.r, s.off + lo, hi - lo})
		}
		at += s.size
	}
	return out
}

// ReadAt is io.ReaderAt's.
func (list segments) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for _, s := range list {
		if off >= s.size {
			off -= s.size
			continue
		}
		k := min(int64(len(p)-n), s.size-off)
		read, err := s.r.ReadAt(p[n:n+int(k)], s.off+off)
		n += read
		if int64(read) < k {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
		if off = 0; n == len(p) {
			return n, nil
		}
	}
	return n, io.EOF
}
