package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// readWhole is the size up to which a stored message is read at once: one call
// costs less than one for the header and perhaps one for the body.
const readWhole = 16 << 10

// Read makes a message of size stored bytes. Of a large one only the header is
// read now, the body from r when somebody asks: r must stay usable then.
// virtual is its size with CRLF line ends where that is known, else 0, and the
// lines are counted. A message that is stored with CRLF is read twice for that, and
// each time by blocks.
func Read(r io.ReaderAt, size, virtual int64) (*Message, error) {
	head, err := readHead(r, size, hasCRLF)
	if err != nil {
		return nil, err
	}
	if hasCRLF(head) {
		if int64(len(head)) == size {
			return Parse(head), nil
		}
		lf, err := newLFReader(r, size)
		if err != nil {
			return nil, fmt.Errorf("reading a message: %w", err)
		}
		r, size, virtual = lf, lf.size(), 0
		if head, err = readHead(r, size, never); err != nil {
			return nil, err
		}
	}
	n := headerLen(head)
	b := &body{r: r, off: int64(n), size: size - int64(n)}
	if int64(len(head)) == size {
		b.r = bytes.NewReader(head)
	}
	lines := lineEnds(head[:n])
	if b.lines = virtual - size - lines; virtual == 0 || b.lines < 0 {
		if b.lines, err = countLines(io.NewSectionReader(b.r, b.off, b.size)); err != nil {
			return nil, fmt.Errorf("reading a message: %w", err)
		}
	}
	return newMessage(string(head[:n]), b), nil
}

// hasCRLF tells whether the first line ends with CRLF.
func hasCRLF(head []byte) bool {
	i := bytes.IndexByte(head, '\n')
	return i > 0 && head[i-1] == '\r'
}

func never([]byte) bool { return false }

// readHead reads as much as holds the header, less where enough says so.
func readHead(r io.ReaderAt, size int64, enough func(head []byte) bool) ([]byte, error) {
	for n := int64(readWhole); ; n *= 4 {
		head := make([]byte, min(n, size, MaxHeader+1))
		if got, err := r.ReadAt(head, 0); got < len(head) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // somebody cuts the file
			}
			return nil, fmt.Errorf("reading a message: %w", err)
		}
		if int64(len(head)) == min(size, MaxHeader+1) || headerLen(head) < len(head) || enough(head) {
			return head, nil
		}
	}
}

// HeaderOf gives the header at the beginning of a stored message, for FieldsOf. It is not
// ok where Read is needed: start holds no end of it, it does not begin with a field, or has
// CRLF line ends.
func HeaderOf(start []byte) (header []byte, ok bool) {
	line, _, _ := bytes.Cut(start, []byte{'\n'})
	n := headerLen(start)
	if bytes.HasSuffix(line, []byte{'\r'}) || len(nameOf(line)) == 0 || !bytes.HasSuffix(start[:n], []byte("\n\n")) {
		return nil, false
	}
	return start[:n], true
}

// FieldsOf gives the fields of a header that are called name (in any case), first to last.
// It makes fields of no others. Name is not empty.
func FieldsOf(header []byte, name string) iter.Seq[Field] {
	want := []byte(name)
	return func(yield func(Field) bool) {
		for rest := header; len(rest) > 0 && rest[0] != '\n'; {
			field := rest
			line, after, _ := bytes.Cut(rest, []byte{'\n'})
			rest = after
			if line[0]|0x20 != want[0]|0x20 || !bytes.EqualFold(nameOf(line), want) {
				continue
			}
			for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
				_, rest, _ = bytes.Cut(rest, []byte{'\n'})
			}
			if !yield(parseField(string(field[:len(field)-len(rest)]))) {
				return
			}
		}
	}
}

// nameOf gives the name of the field that begins with a line; nothing where none does.
func nameOf(line []byte) []byte {
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		return nil
	}
	name := bytes.TrimRight(line[:i], " \t")
	if bytes.ContainsAny(name, " \t") {
		return nil
	}
	return name
}
