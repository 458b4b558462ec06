package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Spool takes a message in while it arrives: in memory up to a bound, beyond it
// in an unnamed temporary file, so that the memory of a session does not grow
// with its messages. The bytes written must have LF line ends (see LFWriter).
//
// The Message made of a Spool reads from it: Reset and Close end its life.
type Spool struct {
	Large *Buffers // where more memory comes from before a file is made; may be nil

	dir   string
	bound int
	small []byte // mem before a large buffer took its place; nil without one
	mem   []byte
	file  *os.File // nil while all is in memory; then mem holds what is not yet written
	size  int64    // bytes already in file
	lines int64
	cr    bool // the last byte written was a CR
}

// NewSpool makes a Spool that keeps up to bound bytes in memory and the rest in
// a file in dir (the system's temporary folder when empty).
func NewSpool(dir string, bound int) *Spool { return &Spool{dir: dir, bound: bound} }

// Write appends p. Its errors are those of the spool file.
func (s *Spool) Write(p []byte) (int, error) {
	if len(s.mem)+len(p) > s.room() && len(s.mem) > 0 && !s.enlarge(len(p)) {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	s.mem = append(s.mem, p...)
	s.lines += lineEnds(p)
	if s.cr && len(p) > 0 && p[0] == '\n' {
		s.lines--
	}
	if len(p) > 0 {
		s.cr = p[len(p)-1] == '\r'
	}
	return len(p), nil
}

// room gives the bytes that memory takes before a file is needed.
func (s *Spool) room() int {
	if s.small != nil {
		return cap(s.mem)
	}
	return s.bound
}

// enlarge moves on to a large buffer, if one is free, and tells whether n more bytes fit.
func (s *Spool) enlarge(n int) bool {
	if s.Large == nil || s.small != nil || s.file != nil {
		return false
	}
	large := s.Large.take()
	if large == nil {
		return false
	}
	s.small, s.mem = s.mem[:0], append(large, s.mem...)
	return len(s.mem)+n <= cap(s.mem)
}

// Size gives the bytes written so far.
func (s *Spool) Size() int64 { return s.size + int64(len(s.mem)) }

func (s *Spool) flush() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, ".dovetail-spool-*")
		if err != nil {
			return fmt.Errorf("making the spool file: %w", err)
		}
		s.file = f
		// Unnamed from now on: gone with the process, whatever ends it.
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("unlinking the spool file: %w", err)
		}
	}
	n, err := s.file.Write(s.mem)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("writing the spool file: %w", err)
	}
	s.mem = s.mem[:0]
	return nil
}

// Message gives what was written as a message. The Spool must not be written to
// before the message is done with and Reset was called.
func (s *Spool) Message() (*Message, error) {
	if s.file == nil {
		n := headerLen(s.mem)
		return newMessage(string(s.mem[:n]), &body{
			r: bytes.NewReader(s.mem), off: int64(n), size: int64(len(s.mem) - n),
			lines: s.lines - lineEnds(s.mem[:n]),
		}), nil
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	head, err := s.readHeader()
	if err != nil {
		return nil, err
	}
	return newMessage(string(head), &body{
		r: s.file, off: int64(len(head)), size: s.size - int64(len(head)),
		lines: s.lines - lineEnds(head),
	}), nil
}

// Section gives n of the bytes that were written, from an offset on. The Spool must not
// be written to before they are read.
func (s *Spool) Section(off, n int64) (io.Reader, error) {
	if s.file == nil {
		return io.NewSectionReader(bytes.NewReader(s.mem), off, n), nil
	}
	if err := s.flush(); err != nil {
		return nil, err
	}
	return io.NewSectionReader(s.file, off, n), nil
}

// readHeader reads the header from the spool file, more of it as long as its end is not seen.
func (s *Spool) readHeader() ([]byte, error) {
	for n := int64(8 << 10); ; n *= 4 {
		buf := make([]byte, min(n, s.size, MaxHeader+1))
		if _, err := s.file.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading the spool file: %w", err)
		}
		h := headerLen(buf)
		if h < len(buf) || int64(len(buf)) == s.size {
			return buf[:h], nil
		}
	}
}

// Reset empties the Spool for the next message; memory up to the bound is kept for it.
func (s *Spool) Reset() error {
	err := s.Close()
	s.mem, s.size, s.lines, s.cr = s.mem[:0], 0, 0, false
	return err
}

// Close frees the spool file and gives a large buffer back.
func (s *Spool) Close() error {
	if s.small != nil {
		s.Large.give(s.mem)
		s.mem, s.small = s.small, nil
	}
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// Buffers is a bounded store of large buffers, shared by the Spools of a server:
// few sessions at a time have a big message under way, and those need no file.
type Buffers struct {
	free chan []byte // nil stands for one not made yet
	size int
}

// NewBuffers makes a store of up to n buffers of size bytes.
func NewBuffers(n, size int) *Buffers {
	b := &Buffers{free: make(chan []byte, n), size: size}
	for range n {
		b.free <- nil
	}
	return b
}

// take gives an empty buffer; nil when all are in use.
func (b *Buffers) take() []byte {
	select {
	case buf := <-b.free:
		if buf == nil {
			buf = make([]byte, 0, b.size)
		}
		return buf
	default:
		return nil
	}
}

func (b *Buffers) give(buf []byte) { b.free <- buf[:0] }

// LFWriter hands on what is written to it with every CRLF as LF. A CR at the
// end of the last Write is kept back: call Flush at the end.
type LFWriter struct {
	w  io.Writer
	cr bool // a CR was kept back
}

// NewLFWriter writes to w.
func NewLFWriter(w io.Writer) *LFWriter { return &LFWriter{w: w} }

func (l *LFWriter) Write(p []byte) (int, error) {
	total := len(p)
	if l.cr && total > 0 {
		l.cr = false
		if p[0] != '\n' {
			if _, err := l.w.Write([]byte{'\r'}); err != nil {
				return 0, err
			}
		}
	}
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\r')
		switch {
		case i < 0:
			i = len(p)
		case i == len(p)-1:
			l.cr = true
		case p[i+1] != '\n':
			i++ // a lone CR is content
		}
		if _, err := l.w.Write(p[:i]); err != nil {
			return 0, err
		}
		p = p[i:]
		if len(p) > 0 && p[0] == '\r' && (l.cr || len(p) > 1 && p[1] == '\n') {
			p = p[1:]
		}
	}
	return total, nil
}

// Flush writes a CR that was kept back.
func (l *LFWriter) Flush() error {
	if !l.cr {
		return nil
	}
	l.cr = false
	_, err := l.w.Write([]byte{'\r'})
	return err
}

// WriteCRLF writes the whole message to w with CRLF line ends.
func (m *Message) WriteCRLF(w io.Writer) error {
	r := m.Open()
	buf := make([]byte, 32<<10)
	var out []byte
	for {
		n, err := r.Read(buf)
		out = out[:0]
		for rest := buf[:n]; len(rest) > 0; {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				out = append(out, rest...)
				break
			}
			out = append(append(out, rest[:i]...), '\r', '\n')
			rest = rest[i+1:]
		}
		if _, werr := w.Write(out); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
