package mbox_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"testing"

	"dovetail/internal/mbox"
)

// Whatever the file: what is in no message is From_ lines and empty lines, and no
// message overlaps another.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"mboxo", "mboxrd", "mboxcl2", "damaged"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, v := range mbox.Variants() {
			r := mbox.NewReader(bytes.NewReader(text), int64(len(text)), mbox.Options{Variant: mbox.Variant(v)})
			last := int64(0)
			for {
				m, err := r.Next()
				if errors.Is(err, io.EOF) {
					onlyEmpty(t, text[last:])
					break
				}
				if errors.Is(err, mbox.ErrNoMbox) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				begin, end := m.Span()
				if begin < last || end < begin || end > int64(len(text)) {
					t.Fatalf("message from %d to %d, the one before ended at %d", begin, end, last)
				}
				onlyEmpty(t, text[last:begin])
				if line := int64(bytes.Count(text[:begin], []byte("\n"))) + 1; m.Line != line {
					t.Fatalf("the message at byte %d is in line %d, not %d", begin, line, m.Line)
				}
				got, err := io.ReadAll(m.Open())
				if err != nil || int64(len(got)) > end-begin {
					t.Fatalf("%d bytes of %d, %v", len(got), end-begin, err)
				}
				last = end
			}
		}
	})
}

func onlyEmpty(t *testing.T, text []byte) {
	if len(bytes.Trim(text, "\r\n")) > 0 {
		t.Fatalf("%q is lost", text)
	}
}

var fromAfter = regexp.MustCompile(`(?m)^(>*From )`)

// What is written by the rules of mboxrd and mboxcl2 comes back to the byte.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("Text\n\nFrom a\n>From b\n"), []byte("\n\n"))
	f.Add([]byte("From a Sat Nov 21 08:00:00 2026\nSubject: x\n\n"), []byte(""))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var rd, cl2 bytes.Buffer
		for _, body := range [][]byte{a, b} {
			rd.WriteString("From x Sat Nov 21 08:00:00 2026\nA: b\n\n")
			rd.Write(fromAfter.ReplaceAll(append(bytes.Clone(body), '\n'), []byte(">$1")))
			rd.WriteString("\n")
			cl2.WriteString("From x Sat Nov 21 08:00:00 2026\nContent-Length: " + strconv.Itoa(len(body)+1) + "\n\n")
			cl2.Write(body)
			cl2.WriteString("\n\n")
		}
		for v, text := range map[mbox.Variant][]byte{mbox.MboxRD: rd.Bytes(), mbox.MboxCL2: cl2.Bytes()} {
			r := mbox.NewReader(bytes.NewReader(text), int64(len(text)), mbox.Options{Variant: v})
			for _, body := range [][]byte{a, b} {
				m, err := r.Next()
				if err != nil {
					t.Fatal(v, err)
				}
				got, err := io.ReadAll(m.Open())
				_, gotBody, _ := bytes.Cut(got, []byte("\n\n"))
				if want := append(bytes.Clone(body), '\n'); err != nil || !bytes.Equal(gotBody, want) {
					t.Fatalf("%s: %q, %v; wanted %q", v, gotBody, err, want)
				}
			}
			if m, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Fatalf("%s: one more: %v, %v", v, m, err)
			}
		}
	})
}
