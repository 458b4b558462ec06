package message

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
)

// blockSize is how much of a file with CRLF line ends is read at a time.
const blockSize = 64 << 10

// lfReader gives what is stored with CRLF line ends with those of LF, and keeps one block
// of it in memory. It knows where the text of each block of the file begins.
type lfReader struct {
	r      io.ReaderAt
	stored int64   // bytes of r
	begins []int64 // of the blocks' texts, and last the end of all

	mu   sync.Mutex
	buf  [blockSize + 1]byte
	last int    // the block that was read last; -1 for none
	text []byte // its text, in buf
}

// newLFReader reads all once.
func newLFReader(r io.ReaderAt, stored int64) (*lfReader, error) {
	l := &lfReader{r: r, stored: stored, begins: []int64{0}, last: -1}
	for at := int64(0); int64(len(l.begins)-1)*blockSize < stored; l.begins = append(l.begins, at) {
		if err := l.block(len(l.begins) - 1); err != nil {
			return nil, err
		}
		at += int64(len(l.text))
	}
	return l, nil
}

// size gives the bytes of the text.
func (l *lfReader) size() int64 { return l.begins[len(l.begins)-1] }

// block reads the text of a block, with one byte more: a CR at the end of the block goes
// when that byte is its LF.
func (l *lfReader) block(i int) error {
	if i == l.last {
		return nil
	}
	l.last = -1
	from := int64(i) * blockSize
	buf := l.buf[:min(blockSize+1, l.stored-from)]
	if n, err := l.r.ReadAt(buf, from); n < len(buf) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // somebody cuts the file
		}
		return err
	}
	more := len(buf) > blockSize
	text := buf[:0]
	for rest := buf; len(rest) > 0; {
		cr := bytes.IndexByte(rest, '\r')
		if cr < 0 {
			text = append(text, rest...)
			break
		}
		text = append(text, rest[:cr]...)
		if cr+1 == len(rest) || rest[cr+1] != '\n' {
			text = append(text, '\r')
		}
		rest = rest[cr+1:]
	}
	if more { // the last byte, whatever it is, begins the next block
		text = text[:len(text)-1]
	}
	l.last, l.text = i, text
	return nil
}

// ReadAt implements io.ReaderAt.
func (l *lfReader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := slices.BinarySearch(l.begins, off)
	if !found {
		i--
	}
	for ; n < len(p); i++ {
		if i >= len(l.begins)-1 {
			return n, io.EOF
		}
		if err := l.block(i); err != nil {
			return n, err
		}
		if int64(len(l.text)) != l.begins[i+1]-l.begins[i] {
			return n, errors.New("changed while it was read")
		}
		n += copy(p[n:], l.text[off+int64(n)-l.begins[i]:])
	}
	return n, nil
}
