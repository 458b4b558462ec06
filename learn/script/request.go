package script

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readRequest reads all in front of the message. What comes behind it is in rest.
func readRequest(r io.Reader, limit int) (req Request, rest io.Reader, err error) {
	lines := &lineReader{r: bufio.NewReader(r), left: limit}
	first, err := lines.next()
	if err != nil {
		return Request{}, nil, err
	}
	// A greater minor version only adds what may be left out.
	if fields := strings.Split(first, "\t"); len(fields) != 4 || fields[0] != "VERSION" || fields[1] != "script" || fields[2] != "4" {
		return Request{}, nil, fmt.Errorf("%.40q: wanted version 4 of the script protocol", first)
	}
	req.Env = make(map[string]string)
	line, err := lines.next()
	for ; err == nil && strings.HasPrefix(line, "env_"); line, err = lines.next() {
		name, value, _ := strings.Cut(unescape(strings.TrimPrefix(line, "env_")), "=")
		req.Env[name] = value
	}
	switch {
	case err != nil:
		return Request{}, nil, err
	case line == "noreply":
		req.noReply = true
	case line != "-":
		return Request{}, nil, fmt.Errorf("%.40q: wanted - or noreply", line)
	}
	for {
		line, err := lines.next()
		if err != nil {
			return Request{}, nil, err
		}
		if line == "" {
			return req, lines.r, nil
		}
		req.Args = append(req.Args, unescape(line))
	}
}

// lineReader reads lines, of a bounded size in all.
type lineReader struct {
	r    *bufio.Reader
	left int
}

func (l *lineReader) next() (string, error) {
	var line strings.Builder
	for {
		part, err := l.r.ReadSlice('\n')
		if l.left -= len(part); l.left < 0 {
			return "", errors.New("too much in front of the message")
		}
		line.Write(part)
		switch {
		case err == nil:
			return strings.TrimSuffix(line.String(), "\n"), nil
		case errors.Is(err, io.EOF):
			return "", io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// unescape undoes Dovecot's escaping of tabs and the like (str_tabescape).
var unescape = strings.NewReplacer("\x010", "\x00", "\x011", "\x01", "\x01t", "\t", "\x01r", "\r", "\x01n", "\n").Replace

// body is the message of a request.
type body struct {
	r     io.Reader
	left  int64
	there func() error // tells whether the client still waits for an answer; may be nil
	err   error        // how it ended
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, ErrTooBig
	}
	if errors.Is(err, io.EOF) && b.there != nil {
		if gone := b.there(); gone != nil {
			err = gone
		}
	}
	b.err = err
	return n, err
}
