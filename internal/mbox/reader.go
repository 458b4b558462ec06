package mbox

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"
)

// Reader reads the messages of a file one after the other.
type Reader struct {
	lines   *lines
	variant Variant
	local   *time.Location
	number  int
	message *Message // under way
}

// NewReader reads the first size bytes of text.
func NewReader(text io.ReaderAt, size int64, o Options) *Reader {
	local := o.Location
	if local == nil {
		local = time.Local
	}
	return &Reader{lines: newLines(text, size), variant: cmp.Or(o.Variant, Auto), local: local}
}

// Message is where a message is.
type Message struct {
	Number       int       // 1 is the first of the file
	Offset, Line int64     // of its From_ line
	Sender       string    // of the From_ line
	Received     time.Time // of the From_ line; zero when that has no date
	ByLength     bool      // its Content-Length told its end
	Findings     []Finding
	Quoted       int // lines that begin with "From " and are text

	reader           *Reader
	begin, body, end int64 // of the text, after the From_ line
}

// Next gives the next message; io.EOF when there is none. Any other error ends the
// reading, ErrNoMbox or that of reading the text.
func (r *Reader) Next() (*Message, error) {
	first, err := r.skipEmpty()
	if errors.Is(err, io.EOF) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("reading at byte %d: %w", r.lines.at.offset, err)
	}
	r.number++
	r.message = &Message{Number: r.number, Offset: first.at.offset, Line: first.at.line, reader: r}
	isFrom, err := r.from(first)
	if err == nil {
		err = r.text()
	}
	if err != nil {
		return nil, fmt.Errorf("reading at byte %d: %w", r.lines.at.offset, err)
	}
	if !isFrom && r.number == 1 && r.lines.at.offset >= r.lines.size {
		return nil, ErrNoMbox
	}
	return r.message, nil
}

// from reads the From_ line; without one the message begins with the line.
func (r *Reader) from(first line) (isFrom bool, err error) {
	m := r.message
	f, shaped := parseFrom(first.text, r.local)
	isFrom = shaped
	if bytes.HasPrefix(first.text, []byte(Begin)) && !shaped {
		follows, err := r.lines.peek(r.lines.at.offset)
		if err != nil {
			return false, err
		}
		if isFrom = isField(follows); isFrom {
			m.note(first.at, "the From_ line has no date", true)
		}
	}
	m.Sender, m.Received = f.sender, f.received
	if !isFrom {
		m.note(first.at, "a From_ line is missing here", true)
		r.lines.unread(first)
	}
	m.begin = r.lines.at.offset
	return isFrom, nil
}

// skipEmpty gives the first line that is not empty.
func (r *Reader) skipEmpty() (line, error) {
	for {
		l, err := r.lines.next()
		if err != nil || !l.empty() {
			return l, err
		}
	}
}

// text finds the end of the message.
func (r *Reader) text() error {
	s := scan{Reader: r, m: r.message}
	ended, err := s.header()
	if err != nil || ended {
		return err
	}
	if ended, err = s.byLength(); err != nil || ended {
		return err
	}
	at := position{s.m.body, s.lines.at.line}
	err = s.body()
	if s.unused != "" {
		// A length that is too long for the last message tells that its end was cut off.
		s.m.note(at, s.unused, s.beyond && s.lines.at.offset >= s.lines.size)
	}
	return err
}

// note adds a finding, unless there are too many.
func (m *Message) note(at position, text string, damaged bool) {
	if len(m.Findings) < maxFindings {
		m.Findings = append(m.Findings, Finding{at.offset, at.line, text, damaged})
	}
}

// maxFindings bounds the findings of a message.
const maxFindings = 100
