package program

import (
	"errors"
	"fmt"
	"io"
)

// eolReader gives its input with every line end, LF or CRLF, as CRLF or as LF.
// A CR elsewhere is content.
type eolReader struct {
	r      io.Reader
	crlf   bool
	buf    [16 << 10]byte
	out    []byte // converted, not yet given
	cr     bool   // a CR was read and not yet given
	err    error
	outBuf []byte
}

func newEOLReader(r io.Reader, crlf bool) *eolReader { return &eolReader{r: r, crlf: crlf} }

func (e *eolReader) Read(p []byte) (int, error) {
	for len(e.out) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		n, err := e.r.Read(e.buf[:])
		e.err = err
		e.convert(e.buf[:n])
	}
	n := copy(p, e.out)
	e.out = e.out[n:]
	return n, nil
}

func (e *eolReader) convert(in []byte) {
	out := e.outBuf[:0]
	for _, c := range in {
		if e.cr && c != '\n' {
			out = append(out, '\r')
		}
		e.cr = c == '\r'
		switch {
		case e.cr:
		case c == '\n' && e.crlf:
			out = append(out, '\r', '\n')
		default:
			out = append(out, c)
		}
	}
	if e.err != nil && e.cr {
		out, e.cr = append(out, '\r'), false
	}
	e.outBuf, e.out = out, out
}

// tracked knows whether its input was read to the end, and tells of an error
// before the program can take it for the end.
type tracked struct {
	r    io.Reader
	fail func(error)
	done bool
}

func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if errors.Is(err, io.EOF) {
		t.done = true
	} else if err != nil {
		t.fail(fmt.Errorf("reading its input: %w", err))
	}
	return n, err
}
