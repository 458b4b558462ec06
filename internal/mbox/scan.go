package mbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// scan is the search for a message's end.
type scan struct {
	*Reader
	m       *Message
	lengths []string // of the Content-Length fields
	unused  string   // why they are not used
	beyond  bool     // they go beyond the end of the file
	nul     bool     // NUL bytes were told
	empty   bool     // the last line was empty
	last    position // of that line
}

// header reads up to the empty line; true when the message ends before.
func (s *scan) header() (ended bool, err error) {
	for {
		l, err := s.lines.next()
		if errors.Is(err, io.EOF) {
			s.endAt(s.lines.size)
			s.m.body = s.m.end
			return true, nil
		}
		if err != nil {
			return false, err
		}
		s.look(l)
		if l.empty() {
			s.m.body = s.lines.at.offset
			s.empty, s.last = true, l.at
			return false, nil
		}
		is, err := s.separates(l)
		if err != nil {
			return false, err
		}
		if is {
			s.m.body, s.m.end = l.at.offset, l.at.offset
			s.lines.unread(l)
			return true, nil
		}
		name, value, ok := bytes.Cut(l.text, []byte(":"))
		if ok && strings.EqualFold(string(bytes.TrimRight(name, " \t")), "Content-Length") {
			s.lengths = append(s.lengths, string(bytes.TrimSpace(value)))
		}
	}
}

// byLength tries Content-Length.
func (s *scan) byLength() (bool, error) {
	if len(s.lengths) == 0 || s.variant == MboxO || s.variant == MboxRD {
		return false, nil
	}
	n, err := strconv.ParseInt(s.lengths[0], 10, 64)
	if err != nil || n < 0 || len(s.lengths) > 1 {
		s.unused = fmt.Sprintf("Content-Length %q is not used", strings.Join(s.lengths, ", "))
		return false, nil
	}
	if n > s.lines.size-s.m.body {
		s.unused, s.beyond = fmt.Sprintf("Content-Length %d goes beyond the end of the file", n), true
		return false, nil
	}
	end := s.m.body + n
	if ok, err := s.isEnd(end); !ok || err != nil {
		s.unused = fmt.Sprintf("Content-Length %d does not lead to the end of the message", n)
		return false, err
	}
	s.m.end, s.m.ByLength = end, true
	for s.lines.at.offset < end {
		l, err := s.lines.next()
		if err != nil {
			return false, err
		}
		if l.at.offset+int64(len(l.text)) > end {
			return false, fmt.Errorf("the file has changed: %w", io.ErrUnexpectedEOF)
		}
		s.look(l)
		if !bytes.HasPrefix(l.text, []byte(Begin)) {
			continue
		}
		s.m.Quoted++
		if _, ok := parseFrom(l.text, s.local); ok {
			s.m.note(l.at, "a From_ line within the Content-Length: taken for text", false)
		}
	}
	if s.lines.at.offset != end { // it does not count the end of its last line
		s.lines.seek(position{end, s.lines.at.line - 1})
	}
	return true, nil
}

// isEnd tells whether a message may end at an offset: at the end of the file, or
// before a From_ line, with at most two ends of lines between.
func (s *scan) isEnd(offset int64) (bool, error) {
	for range 3 {
		begin, err := s.lines.peek(offset)
		switch {
		case err != nil:
			return false, err
		case offset >= s.lines.size:
			return true, nil
		case len(begin) > 0:
			_, ok := parseFrom(begin, s.local)
			return ok && s.startsLine(offset), nil
		}
		next := make([]byte, 1)
		if _, err := s.lines.text.ReadAt(next, offset); err != nil {
			return false, err
		}
		offset++
		if next[0] == '\r' {
			offset++
		}
	}
	return offset >= s.lines.size, nil
}

// startsLine tells whether a line begins at an offset.
func (s *scan) startsLine(offset int64) bool {
	before := make([]byte, 1)
	_, err := s.lines.text.ReadAt(before, offset-1)
	return err == nil && before[0] == '\n'
}

// body looks for the next From_ line.
func (s *scan) body() error {
	for {
		l, err := s.lines.next()
		if errors.Is(err, io.EOF) {
			if s.empty && s.last.offset >= s.m.body {
				s.m.end = s.last.offset
			} else {
				s.endAt(s.lines.size)
			}
			return nil
		}
		if err != nil {
			return err
		}
		s.look(l)
		is, err := s.separates(l)
		if err != nil {
			return err
		}
		if is {
			s.m.end = l.at.offset
			if s.empty && s.last.offset >= s.m.body {
				s.m.end = s.last.offset
			}
			s.lines.unread(l)
			return nil
		}
		s.empty, s.last = l.empty(), l.at
	}
}

// endAt ends the message with the file.
func (s *scan) endAt(offset int64) {
	s.m.end = offset
	if s.m.begin == s.m.end {
		s.m.note(position{s.m.Offset, s.m.Line}, "the file ends with a From_ line and no message", true)
	}
}

// look tells of NUL bytes, once, and of a line without an end.
func (s *scan) look(l line) {
	if !l.end && s.lines.at.offset != s.m.end {
		s.m.note(l.at, "the file ends within this line", true)
	}
	if l.nul && !s.nul {
		s.nul = true
		s.m.note(l.at, "there are NUL bytes", true)
	}
}

// separates judges whether a line begins the next message.
func (s *scan) separates(l line) (bool, error) {
	if !bytes.HasPrefix(l.text, []byte(Begin)) {
		return false, nil
	}
	_, shaped := parseFrom(l.text, s.local)
	follows, err := s.lines.peek(s.lines.at.offset)
	if err != nil {
		return false, err
	}
	header := isField(follows) || bytes.HasPrefix(follows, []byte(">"+Begin)) || s.lines.at.offset == s.lines.size && l.end
	blank := s.empty
	switch {
	case shaped && header:
		if !blank {
			s.m.note(l.at, "no empty line before this From_ line: taken for the begin of a message", false)
		}
		return true, nil
	case shaped:
		s.m.note(l.at, "no header field follows this From_ line: taken for text", false)
	case blank && isField(follows):
		s.m.note(l.at, "this From_ line has no date: taken for text", false)
	}
	s.m.Quoted++
	return false, nil
}
