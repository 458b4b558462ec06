package ext

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "encoded-character", Spec: "RFC 5228 section 2.4.2.4",
	Strings: &engine.StringPass{Order: 10, Parse: decodeCharacters},
})

// decodeCharacters replaces ${hex: …} and ${unicode: …}. What only looks alike stays.
func decodeCharacters(_ *engine.Compiler, s string) ([]engine.Part, error) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return []engine.Part{{Literal: b.String()}}, nil
		}
		text, n, err := decodeEncoded(s[i+2:])
		if err != nil {
			return nil, err
		}
		if n == 0 { // the next "${" may stand inside
			b.WriteString(s[:i+2])
		} else {
			b.WriteString(s[:i])
			b.WriteString(text)
		}
		s = s[i+2+n:]
	}
}

// decodeEncoded decodes what follows "${", and tells how much of s that is with its
// "}": nothing where it has not the syntax. It looks no further than that, since s
// may be long and have many more.
func decodeEncoded(s string) (text string, n int, err error) {
	kind, _, found := strings.Cut(s[:min(len(s), len("unicode:"))], ":")
	hex := strings.EqualFold(kind, "hex")
	if !found || !hex && !strings.EqualFold(kind, "unicode") {
		return "", 0, nil
	}
	codes := s[len(kind)+1:]
	end := len(codes) - len(strings.TrimLeft(codes, "0123456789abcdefABCDEF \t\r\n"))
	words := strings.FieldsFunc(codes[:end], func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
	if end == len(codes) || codes[end] != '}' || len(words) == 0 {
		return "", 0, nil
	}
	var b strings.Builder
	var bad error
	for _, w := range words {
		bits := 32
		if hex {
			bits = 8
		}
		if hex && len(w) > 2 {
			return "", 0, nil
		}
		n, err := strconv.ParseUint(w, 16, bits)
		switch {
		case hex && err == nil:
			b.WriteByte(byte(n))
		case err == nil && n <= utf8.MaxRune && utf8.ValidRune(rune(n)):
			b.WriteRune(rune(n))
		case bad == nil:
			bad = fmt.Errorf("invalid unicode character 0x%08x in encoded character substitution", n)
		}
	}
	return b.String(), len(kind) + 1 + end + 1, bad
}
