package message

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// counter counts the bytes that are read.
type counter struct {
	io.ReaderAt
	read int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

func TestRead(t *testing.T) {
	long := strings.Repeat("a line of text\n", 100_000)
	for name, text := range map[string]string{
		"empty": "", "no header": "\nbody\n", "no body": "A: b\n", "small": "A: b\n\nbody\n",
		"large": "A: b\n\n" + long, "long header": "A: b\n" + strings.Repeat("X: y\n", 20_000) + "\n" + long,
		"crlf": "A: b\r\n\r\nbody\r\n", "large crlf": "A: b\r\n\r\n" + strings.ReplaceAll(long, "\n", "\r\n"),
	} {
		want := Parse([]byte(text))
		for _, virtual := range []int64{0, want.VirtualSize()} {
			m, err := Read(strings.NewReader(text), int64(len(text)), virtual)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if m.Size() != want.Size() || m.VirtualSize() != want.VirtualSize() || len(m.Fields()) != len(want.Fields()) {
				t.Errorf("%s: size %d, %d with CRLF, %d fields; want %d, %d, %d", name,
					m.Size(), m.VirtualSize(), len(m.Fields()), want.Size(), want.VirtualSize(), len(want.Fields()))
			}
			if got, err := io.ReadAll(m.Open()); err != nil || string(got) != strings.ReplaceAll(text, "\r\n", "\n") {
				t.Errorf("%s: reads back as %d bytes, %v", name, len(got), err)
			}
		}
	}
}

// Of a large message only the header is read.
func TestReadLeavesTheBody(t *testing.T) {
	text := "A: b\n\n" + strings.Repeat("x\n", 1<<20)
	r := &counter{ReaderAt: strings.NewReader(text)}
	m, err := Read(r, int64(len(text)), int64(len(text)+strings.Count(text, "\n")))
	if err != nil || r.read > readWhole {
		t.Errorf("read %d bytes, %v", r.read, err)
	}
	if v := m.VirtualSize(); v != int64(len(text)+strings.Count(text, "\n")) {
		t.Errorf("virtual size %d", v)
	}
}

func TestReadShort(t *testing.T) {
	if _, err := Read(strings.NewReader("A: b\n"), 100, 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that is cut: %v", err)
	}
}

// A header that was read alone has the fields of the message.
func TestHeaderOf(t *testing.T) {
	for text, want := range map[string]bool{
		"Subject: a\nsubject : b\n c\nSubject\nSubjects: x\n X: y\n\nSubject: body\n": true,
		"A: b\n\n":                   true,
		"A: b\n: x\nSubject: c\n\nd": true,
		"A: b\n":                     false, // where is its end?
		"A: b\r\n\r\nc\r\n":          false,
		"no field\nSubject: a\n\n":   false,
		"\nSubject: body\n":          false,
		"":                           false,
		"\x1f\x8b: x\n\n":            true,
	} {
		header, ok := HeaderOf([]byte(text))
		if ok != want {
			t.Errorf("%q: ok is %v", text, ok)
		}
		if !ok {
			continue
		}
		m := Parse([]byte(text))
		for _, name := range []string{"SUBJECT", "A", "X", "Subject "} {
			var got, all []Field
			for f := range FieldsOf(header, name) {
				got = append(got, f)
			}
			for f := range m.Header(name) {
				all = append(all, f)
			}
			if !slices.Equal(got, all) {
				t.Errorf("%q: %s is %v, want %v", text, name, got, all)
			}
		}
	}
}
