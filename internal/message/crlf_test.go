package message

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// What is stored with CRLF reads as what it is with LF, wherever it is read from, and
// whatever stands where blocks end.
func TestLFReader(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 40 {
		raw := bytes.Repeat([]byte("x"), 3*blockSize+random.IntN(100)-50)
		for range i * 1000 {
			raw[random.IntN(len(raw))] = "\r\n"[random.IntN(2)]
		}
		for _, at := range []int{blockSize, 2 * blockSize} {
			copy(raw[at-2:], []string{"\r\r\n\n", "x\r\nx", "\r\nxx", "xx\r\n", "x\rxx", "\r\r\r\n"}[i%6])
		}
		want := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
		l, err := newLFReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if l.size() != int64(len(want)) {
			t.Fatalf("%d: size %d, want %d", i, l.size(), len(want))
		}
		for range 200 {
			off, n := random.IntN(len(want)+10), random.IntN(2*blockSize)
			p := make([]byte, n)
			got, err := l.ReadAt(p, int64(off))
			rest := want[min(off, len(want)):]
			rest = rest[:min(n, len(rest))]
			if !bytes.Equal(p[:got], rest) || (err == nil) != (got == n) || err != nil && err != io.EOF {
				t.Fatalf("%d: %d bytes at %d: %d, %v, want %d", i, n, off, got, err, len(rest))
			}
		}
	}
}

// A file that is cut or changed is an error.
func TestLFReaderChanges(t *testing.T) {
	raw := []byte(strings.Repeat("a line\r\n", 3*blockSize/8))
	if _, err := newLFReader(bytes.NewReader(raw), int64(len(raw)+1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %v", err)
	}
	l, err := newLFReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	raw[blockSize+6] = 'x'
	if n, err := l.ReadAt(make([]byte, len(raw)), 0); err == nil || err == io.EOF {
		t.Errorf("changed: %d bytes, %v", n, err)
	}
}

// A large message with CRLF takes no memory.
func TestReadCRLF(t *testing.T) {
	raw := []byte("A: b\r\n\r\n" + strings.Repeat("a line of text\r\n", 2<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := Read(bytes.NewReader(raw), int64(len(raw)), 0)
	runtime.ReadMemStats(&after)
	if err != nil || m.VirtualSize() != int64(len(raw)) {
		t.Errorf("virtual size %d of %d, %v", m.VirtualSize(), len(raw), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated for a message of %d", used, len(raw))
	}
}
