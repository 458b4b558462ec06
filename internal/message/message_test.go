package message

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParseKeepsEveryByte(t *testing.T) {
	tests := []struct{ name, raw, head, body string }{
		{"plain", "A: b\nC: d\n\nbody\n", "A: b\nC: d\n\n", "body\n"},
		{"crlf", "A: b\r\n c\r\n\r\nx\r\ny", "A: b\n c\n\n", "x\ny"},
		{"no header", "\nbody\n", "\n", "body\n"},
		{"header only", "A: b\n", "A: b\n", ""},
		{"header without line end", "A: b", "A: b", ""},
		{"line without colon", "From me\nA: b\n\nx", "From me\nA: b\n\n", "x"},
		{"empty", "", "", ""},
		{"folded first line", " x\nA: b\n\n", " x\nA: b\n\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spool := NewSpool(t.TempDir(), 7)
			defer spool.Close()
			lf := NewLFWriter(spool)
			for _, c := range []byte(tt.raw) {
				if _, err := lf.Write([]byte{c}); err != nil {
					t.Fatal(err)
				}
			}
			if err := lf.Flush(); err != nil {
				t.Fatal(err)
			}
			spooled, err := spool.Message()
			if err != nil {
				t.Fatal(err)
			}
			for kind, m := range map[string]*Message{"memory": Parse([]byte(tt.raw)), "spool": spooled} {
				whole := tt.head + tt.body
				if got := read(t, m.Open()); got != whole {
					t.Errorf("%s: whole %q, want %q", kind, got, whole)
				}
				if got := read(t, m.OpenBody()); got != tt.body {
					t.Errorf("%s: body %q, want %q", kind, got, tt.body)
				}
				var crlf bytes.Buffer
				if err := m.WriteCRLF(&crlf); err != nil {
					t.Fatal(err)
				}
				if m.Size() != int64(len(whole)) || m.VirtualSize() != int64(crlf.Len()) {
					t.Errorf("%s: sizes %d and %d, want %d and %d", kind, m.Size(), m.VirtualSize(), len(whole), crlf.Len())
				}
			}
		})
	}
}

// What is stored as CR LF is a line end for those who read the file, Dovecot
// before all: it does not grow when line ends become CRLF.
func TestVirtualSizeOfStoredCRLF(t *testing.T) {
	const raw = "A: b\r\r\nC: d\r\n\r\none\r\r\ntwo\rthree\r\r\n\r\n"
	const stored = "A: b\r\nC: d\n\none\r\ntwo\rthree\r\n\n"
	want := int64(len(stored) + 3)
	for step := 1; step < len(raw); step++ {
		for _, bound := range []int{3, 1000} {
			spool := NewSpool(t.TempDir(), bound)
			lf := NewLFWriter(spool)
			for rest := raw; rest != ""; rest = rest[min(step, len(rest)):] {
				if _, err := io.WriteString(lf, rest[:min(step, len(rest))]); err != nil {
					t.Fatal(err)
				}
			}
			m, err := spool.Message()
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, m.Open()); got != stored || m.VirtualSize() != want {
				t.Errorf("in steps of %d: %q, virtual size %d, want %d", step, got, m.VirtualSize(), want)
			}
			spool.Close()
		}
	}
	if m := Parse([]byte(raw)); m.VirtualSize() != want {
		t.Errorf("parsed: virtual size %d, want %d", m.VirtualSize(), want)
	}
	if n, err := countLines(iotest.OneByteReader(strings.NewReader(stored))); n != 3 || err != nil {
		t.Errorf("%d line ends, %v", n, err)
	}
}

// A message that ends with its header has no empty line after editing either.
func TestEditHeaderAlone(t *testing.T) {
	m := Parse([]byte("A: b\n"))
	if got := read(t, m.Prepend(RawField("C", "d")).Open()); got != "C: d\nA: b\n" {
		t.Errorf("prepended: %q", got)
	}
}

func TestLFWriterKeepsLoneCR(t *testing.T) {
	for _, chunk := range []int{1, 2, 3, 100} {
		var out bytes.Buffer
		w := NewLFWriter(&out)
		in := "a\rb\r\r\nc\r\n\r"
		for i := 0; i < len(in); i += chunk {
			if _, err := w.Write([]byte(in[i:min(i+chunk, len(in))])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if want := "a\rb\r\nc\n\r"; out.String() != want {
			t.Errorf("chunks of %d: %q, want %q", chunk, out.String(), want)
		}
	}
}

func TestFieldValues(t *testing.T) {
	m := Parse([]byte("Subject: =?iso-8859-1?q?caf=E9?=\n =?utf-8?b?w6k=?=\nX-Space : v \nbad line\nX: a\n\tb\nX-Charset: =?nonsense?q?x?=\n\n"))
	tests := []struct{ name, value, decoded string }{
		{"subject", "=?iso-8859-1?q?caf=E9?= =?utf-8?b?w6k=?=", "caféé"},
		{"X-SPACE", "v", "v"},
		{"x", "a b", "a b"},
		{"x-charset", "=?nonsense?q?x?=", "x"},
	}
	for _, tt := range tests {
		found := false
		for f := range m.Header(tt.name) {
			found = true
			if f.Value() != tt.value || f.Decoded() != tt.decoded {
				t.Errorf("%s: value %q decoded %q", tt.name, f.Value(), f.Decoded())
			}
		}
		if !found {
			t.Errorf("no field %s", tt.name)
		}
	}
	if _, ok := m.Get("bad line"); ok {
		t.Error("a line without a colon became a field")
	}
}

func TestEditSharesTheBody(t *testing.T) {
	m := Parse([]byte("A: b\n\nbody\n"))
	e := m.Prepend(RawField("Return-Path", "<a@b>"), NewField("X-Mark", "grün"))
	want := "Return-Path: <a@b>\nX-Mark: =?utf-8?q?gr=C3=BCn?=\nA: b\n\nbody\n"
	if got := read(t, e.Open()); got != want {
		t.Errorf("got %q", got)
	}
	if e.Identity() == m.Identity() {
		t.Error("an edited message has the identity of the original")
	}
	if e.Identity() != m.Prepend(RawField("Return-Path", "<a@b>"), NewField("X-Mark", "grün")).Identity() {
		t.Error("two equal edits differ")
	}
}

func TestNewFieldFolds(t *testing.T) {
	value := strings.Repeat("word ", 60) + strings.Repeat("x", 100)
	f := NewField("Subject", value)
	for line := range strings.SplitSeq(f.Raw(), "\n") {
		if len(line) > 78 && !strings.Contains(line, "xxx") {
			t.Errorf("line of %d: %q", len(line), line)
		}
	}
	if f.Value() != value {
		t.Errorf("unfolds to %q", f.Value())
	}
	if f := NewField("X", "a\r\nB: c"); strings.Count(f.Raw(), "\n") != 1 {
		t.Errorf("a line break came through: %q", f.Raw())
	}
}

func TestHeaderWithoutEndIsBounded(t *testing.T) {
	raw := []byte(strings.Repeat("X: y\n", MaxHeader/5+10))
	m := Parse(raw)
	if len(m.head) > MaxHeader || m.Size() != int64(len(raw)) {
		t.Errorf("header of %d bytes, size %d", len(m.head), m.Size())
	}
	s := NewSpool(t.TempDir(), 1000)
	defer s.Close()
	if _, err := s.Write(raw); err != nil {
		t.Fatal(err)
	}
	sm, err := s.Message()
	if err != nil {
		t.Fatal(err)
	}
	if len(sm.head) > MaxHeader || sm.Size() != int64(len(raw)) {
		t.Errorf("spooled: header of %d bytes, size %d", len(sm.head), sm.Size())
	}
}

// A message has the same bytes whatever memory it went through.
func TestSpoolWithLargeBuffers(t *testing.T) {
	large := NewBuffers(1, 500)
	for size := 90; size < 2000; size += 53 {
		text := "A: b\n\n" + strings.Repeat("0123456789\n", size/11)
		for _, taken := range []bool{false, true} {
			var other *Spool
			if taken { // by another session
				other = NewSpool(t.TempDir(), 10)
				other.Large = large
				for range 2 {
					if _, err := other.Write(make([]byte, 9)); err != nil {
						t.Fatal(err)
					}
				}
			}
			s := NewSpool(t.TempDir(), 100)
			s.Large = large
			for range 2 { // the second message after the first
				for chunk := range slices.Chunk([]byte(text), 37) {
					if _, err := s.Write(chunk); err != nil {
						t.Fatal(err)
					}
				}
				if inFile := s.file != nil; inFile != (taken && len(text) > 100 || len(text) > 500) {
					t.Errorf("%d bytes, buffer taken %v: in a file %v", len(text), taken, inFile)
				}
				m, err := s.Message()
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, m.Open()); got != text {
					t.Fatalf("%d bytes came back as %d", len(text), len(got))
				}
				if err := s.Reset(); err != nil {
					t.Fatal(err)
				}
			}
			if taken {
				if err := other.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if len(large.free) != 1 {
				t.Fatal("the large buffer was not given back")
			}
		}
	}
}
