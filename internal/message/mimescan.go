package message

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// opened is a part that is being scanned.
type opened struct {
	*Part
	inHeader bool
	bounded  bool // a multipart whose last boundary is to come
	boundary string
}

// scanner finds the parts of a body, line by line.
type scanner struct {
	open    []*opened // from the root to the part under way
	pos     int64     // in the body, behind what was looked at
	head    strings.Builder
	headers int // bytes of headers held
	fields  int // lines of them
	parts   int
	limit   error
}

// takeApart works out the structure of a message.
func takeApart(m *Message) *Structure {
	root := &Part{fields: m.fields, head: m.head, body: m.body, epilogue: -1}
	s := &scanner{parts: 1}
	switch {
	case endsHeader(root.head):
		root.head, root.hasBody = root.head[:len(root.head)-1], true
	case m.HeaderCut():
		root.hasBody = true
		s.limited("its header has more than %d bytes or %d lines", MaxHeader, MaxHeaderLines)
	}
	s.enter(root, false)
	s.beginBody()
	if len(s.open) > 1 || s.open[0].bounded { // else there is nothing to find
		if err := s.lines(m.OpenBody()); err != nil {
			s.limit = fmt.Errorf("reading the body: %w", err)
		}
	}
	s.closeAbove(-1, m.body.size)
	return &Structure{Root: root, Limit: s.limit}
}

// lines goes through the body up to its end or to the last part allowed. Of a
// line longer than the buffer the first piece decides whether it is a boundary.
func (s *scanner) lines(r io.Reader) error {
	in := bufio.NewReaderSize(r, 32<<10)
	begin, lineStart := true, int64(0)
	found, last := -1, false
	for {
		piece, err := in.ReadSlice('\n')
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if begin {
			lineStart = s.pos
			found, last = s.findBoundary(piece)
		}
		s.pos += int64(len(piece))
		whole := err == nil || err == io.EOF
		switch {
		case found < 0:
			s.content(piece, begin)
		case whole && !s.atBoundary(found, last, lineStart):
			return nil
		}
		if err == io.EOF {
			return nil
		}
		begin = whole
	}
}

// findBoundary tells which of the open parts a line is a boundary of, -1 for
// none, and whether it is the last one. What follows a boundary on its line does
// not matter; where several boundaries fit the longest does (RFC 2046 section
// 5.1.1 would have none begin with another).
func (s *scanner) findBoundary(line []byte) (found int, last bool) {
	rest, ok := bytes.CutPrefix(line, []byte("--"))
	if !ok {
		return -1, false
	}
	found = -1
	for i := len(s.open) - 1; i >= 0; i-- {
		o := s.open[i]
		if o.bounded && bytes.HasPrefix(rest, []byte(o.boundary)) && (found < 0 || len(o.boundary) > len(s.open[found].boundary)) {
			found = i
		}
	}
	if found >= 0 {
		last = bytes.HasPrefix(rest[len(s.open[found].boundary):], []byte("--"))
	}
	return found, last
}

// atBoundary ends what a boundary line ends and begins what it begins; false
// when no further part may begin.
func (s *scanner) atBoundary(i int, last bool, lineStart int64) bool {
	// The line end before the boundary belongs to it.
	s.closeAbove(i, lineStart-1)
	o := s.open[i]
	if len(o.Children) == 0 {
		o.prologue = max(o.from, lineStart-1)
	}
	if last {
		o.bounded, o.epilogue = false, s.pos
		return true
	}
	return s.child(o.Part)
}

// content takes a line, or a piece of one, of the part under way.
func (s *scanner) content(piece []byte, begin bool) {
	o := s.open[len(s.open)-1]
	if !o.inHeader {
		return
	}
	if begin && len(piece) == 1 && piece[0] == '\n' {
		o.hasBody = true
		s.endHeader(s.pos)
		return
	}
	if begin {
		s.fields++
	}
	if s.headers += len(piece); s.headers > MaxHeader || s.fields > MaxHeaderLines {
		s.limited("more than %d bytes in the headers of its parts, or %d lines", MaxHeader, MaxHeaderLines)
		o.hasBody = true
		s.endHeader(s.pos - int64(len(piece)))
		return
	}
	s.head.Write(piece)
}

// endHeader makes what was read the header of the part under way; its content
// begins at from.
func (s *scanner) endHeader(from int64) {
	o := s.open[len(s.open)-1]
	o.inHeader, o.from, o.prologue = false, from, from
	o.head = s.head.String()
	o.fields = parseFields(o.head)
	s.head.Reset()
	s.beginBody()
}

// beginBody looks at the type of the part under way: a multipart has a boundary
// to look for, and in message/rfc822 another part begins at once.
func (s *scanner) beginBody() {
	o := s.open[len(s.open)-1]
	o.media = MediaType{Type: "text/plain"}
	if o.Parent != nil && o.Parent.media.Type == "multipart/digest" {
		o.media.Type = rfc822
	}
	for f := range o.Header("Content-Type") {
		o.media = ParseMediaType(f.Value())
		break
	}
	if !o.hasBody {
		return
	}
	boundary, has := o.media.Param("boundary")
	inner := o.media.Type == rfc822
	switch {
	case !inner && !(has && o.IsMultipart()):
	case len(s.open) >= MaxNesting:
		s.limited("parts are nested more than %d deep", MaxNesting)
	case inner:
		s.child(o.Part)
	default:
		o.bounded, o.boundary = true, boundary
	}
}

// child begins a part in parent; false when there are too many.
func (s *scanner) child(parent *Part) bool {
	if s.parts >= MaxParts {
		s.limited("more than %d parts", MaxParts)
		return false
	}
	s.parts++
	p := &Part{Parent: parent, index: len(parent.Children), body: parent.body, start: s.pos, from: s.pos, epilogue: -1}
	parent.Children = append(parent.Children, p)
	s.enter(p, true)
	return true
}

func (s *scanner) enter(p *Part, inHeader bool) {
	s.open = append(s.open, &opened{Part: p, inHeader: inHeader})
}

// closeAbove ends the parts behind the i-th of those open.
func (s *scanner) closeAbove(i int, at int64) {
	for n := len(s.open) - 1; n > i; n-- {
		o := s.open[n]
		if o.inHeader { // its empty line is missing
			s.endHeader(max(o.start, at))
		}
		at = max(o.from, at) // what holds a part reaches as far as that
		o.end = at
		if len(o.Children) == 0 {
			o.prologue = o.end
		}
		s.open = s.open[:n]
	}
}

// limited notes the first limit that was passed.
func (s *scanner) limited(format string, args ...any) {
	if s.limit == nil {
		s.limit = fmt.Errorf("%w: %s", ErrStructure, fmt.Sprintf(format, args...))
	}
}
