package message

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Sibling gives the part that follows in the same multipart, nil for the last one.
func (p *Part) Sibling() *Part {
	if p.Parent == nil || p.index+1 >= len(p.Parent.Children) {
		return nil
	}
	return p.Parent.Children[p.index+1]
}

// Find gives the part of m that stands where p stands in the message that m was
// made of by editing header fields or replacing parts; nil when m has another
// origin or nothing stands there.
func (m *Message) Find(p *Part) *Part {
	for b := m.body; b != p.body; b = b.origin {
		if b == nil {
			return nil
		}
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

// WithBody gives the message with fields as its header and content as its body.
// Line ends of content may be LF or CRLF.
func (m *Message) WithBody(fields []Field, content string) *Message {
	n := m.withFields(fields, true)
	return newMessage(n.head, textBody(content))
}

func textBody(content string) *body {
	content = strings.ReplaceAll(content, "\r\n", "\n")
	return &body{r: strings.NewReader(content), size: int64(len(content)), lines: lineEnds([]byte(content))}
}

// ReplacePart gives the message with entity, a header and a content, in the place
// of a part other than the message itself. p is a part of m.Structure(). The
// error is that of reading the body.
func (m *Message) ReplacePart(p *Part, entity string) (*Message, error) {
	if p.Parent == nil || p.body != m.body {
		return nil, errors.New("replacing a part that is not one of this message")
	}
	removed, err := countLines(p.section(p.start, p.end))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	mid, old := textBody(entity), m.body
	pieces := append(append(cut(old, 0, p.start), segment{mid.r, 0, mid.size}), cut(old, p.end, old.size)...)
	b := &body{
		r: segments(pieces), size: old.size - (p.end - p.start) + mid.size,
		lines: old.lines - removed + mid.lines, origin: old,
	}
	return newMessage(m.head, b), nil
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
