package lmtp

import (
	"bytes"
	"strings"
	"testing"
)

// decodeParts decodes in parts of at most size bytes and gives the message, what
// is left after its end, and whether there was an end.
func decodeParts(in string, size int, dots bool) (text, rest string, octets int64, end bool) {
	var out bytes.Buffer
	d := decoder{dots: dots, write: func(p []byte) { out.Write(p) }}
	for len(in) > 0 && !end {
		part := []byte(in[:min(size, len(in))])
		var n int
		n, end = d.decode(part)
		in = in[n:]
	}
	d.flush()
	return out.String(), in, d.size, end
}

// reference says the same in another way, on the whole text.
func reference(in string, dots bool) (text, rest string, octets int64, end bool) {
	if dots {
		in, rest, end = strings.Cut("\r\n"+in, "\r\n.\r\n")
		in = strings.ReplaceAll(in+"\r\n", "\r\n.", "\r\n")[2:]
	}
	return strings.ReplaceAll(in, "\r\n", "\n"), rest, int64(len(in)), end
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"a\r\n.\r\nb", ".\r\n", "..\r\n.\r\n", "\n.\r\n.\r\n", ".\r.\r\n", "\r\r\n\r.\n", ".\r\r\n.\r\n", "x\r\n.\r", "\r\n.y\r\n.\r\n"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, size int) {
		// Bytes that mean something, so that few runs are wasted.
		in := strings.Map(func(r rune) rune { return rune("\r\n.x"[r%4]) }, s)
		size = max(1, size%len([]byte(in+" ")))
		for _, dots := range []bool{true, false} {
			text, rest, octets, end := decodeParts(in, size, dots)
			wantText, wantRest, wantOctets, wantEnd := reference(in, dots)
			if dots && !wantEnd && !end {
				continue // without an end all is dropped
			}
			if text != wantText || rest != wantRest || octets != wantOctets || end != wantEnd {
				t.Errorf("%q in parts of %d, dots %v:\n got %q, rest %q, %d octets, end %v\nwant %q, rest %q, %d octets, end %v",
					in, size, dots, text, rest, octets, end, wantText, wantRest, wantOctets, wantEnd)
			}
		}
	})
}
