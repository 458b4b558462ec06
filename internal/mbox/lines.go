package mbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lines reads a text line by line and knows where it is.
type lines struct {
	text io.ReaderAt
	size int64
	r    *bufio.Reader
	at   position // of the next line

	again *line    // comes next, though it was read
	after position // of the line behind it
}

// position is a place in a text, at the begin of a line.
type position struct {
	offset int64
	line   int64 // 1 is the first
}

func newLines(text io.ReaderAt, size int64) *lines {
	l := &lines{text: text, size: size, r: bufio.NewReaderSize(nil, 64<<10)}
	l.seek(position{0, 1})
	return l
}

func (l *lines) seek(to position) {
	l.at, l.again = to, nil
	l.r.Reset(io.NewSectionReader(l.text, to.offset, l.size-to.offset))
}

// line is a line without its end, or the begin of a very long one. It is valid until
// the next is read.
type line struct {
	text []byte
	at   position
	end  bool // the line has an end of its own
	nul  bool // there is a NUL byte in it
}

func (l line) empty() bool { return len(l.text) == 0 && l.end }

// next reads a line; io.EOF when there is none.
func (l *lines) next() (line, error) {
	if got := l.again; got != nil {
		l.again, l.at = nil, l.after
		return *got, nil
	}
	text, err := l.r.ReadSlice('\n')
	if len(text) == 0 && err != nil {
		return line{}, err
	}
	got := line{at: l.at}
	if !errors.Is(err, bufio.ErrBufferFull) {
		got.text = text
	} else {
		got.text = bytes.Clone(text) // reading on would overwrite it
	}
	for {
		l.at.offset += int64(len(text))
		got.nul = got.nul || bytes.IndexByte(text, 0) >= 0
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		text, err = l.r.ReadSlice('\n')
	}
	if err == nil {
		got.end = true
		l.at.line++
	} else if !errors.Is(err, io.EOF) {
		return line{}, err
	}
	got.text = trimEnd(got.text)
	return got, nil
}

// unread makes next give the line again that it gave last.
func (l *lines) unread(last line) {
	l.again, l.after, l.at = &last, l.at, last.at
}

// peek gives the begin of the line at an offset.
func (l *lines) peek(offset int64) ([]byte, error) {
	buf := make([]byte, min(maxFrom+int64(len(Begin)), max(l.size-offset, 0)))
	if _, err := l.text.ReadAt(buf, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if i := bytes.IndexByte(buf, '\n'); i >= 0 {
		buf = buf[:i+1]
	}
	return trimEnd(buf), nil
}

// trimEnd takes LF or CRLF off.
func trimEnd(b []byte) []byte {
	b, ok := bytes.CutSuffix(b, []byte("\n"))
	if ok {
		b = bytes.TrimSuffix(b, []byte("\r"))
	}
	return b
}
