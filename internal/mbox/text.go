package mbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Span gives where the message is in the file: from its From_ line to the end of its text.
func (m *Message) Span() (begin, end int64) { return m.Offset, m.end }

// Open reads the message as it was before it came into the file: what was put before
// "From " is gone. The line ends are those of the file.
func (m *Message) Open() io.Reader {
	text := m.reader.lines.text
	header := io.NewSectionReader(text, m.begin, m.body-m.begin)
	body := io.NewSectionReader(text, m.body, m.end-m.body)
	if v := m.unquoting(); v != MboxCL2 {
		return io.MultiReader(header, &unquoter{r: bufio.NewReaderSize(body, int(min(body.Size(), 32<<10))), rd: v == MboxRD})
	}
	return io.MultiReader(header, body)
}

// unquoting gives the variant by which lines of the body are unquoted.
func (m *Message) unquoting() Variant {
	v := m.reader.variant
	switch {
	case v == Auto && m.ByLength:
		return MboxCL2
	case v == Auto:
		return MboxRD
	}
	return v
}

// unquoter takes the ">" off that was put before "From ".
type unquoter struct {
	r      *bufio.Reader
	rd     bool   // before ">From " too
	buf    []byte // of r, not given yet
	middle bool   // of a line
	err    error
}

func (u *unquoter) Read(p []byte) (int, error) {
	if len(u.buf) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.buf, u.err = u.r.ReadSlice('\n')
		long := errors.Is(u.err, bufio.ErrBufferFull)
		if long {
			u.err = nil
		}
		if !u.middle && u.isQuoted(u.buf) {
			u.buf = u.buf[1:]
		}
		u.middle = long
	}
	n := copy(p, u.buf)
	u.buf = u.buf[n:]
	if n == 0 && u.err != nil {
		return 0, u.err
	}
	return n, nil
}

func (u *unquoter) isQuoted(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte(">"))
	if u.rd {
		rest = bytes.TrimLeft(rest, ">")
	}
	return ok && bytes.HasPrefix(rest, []byte(Begin))
}
