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
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			end = 1
		}
		text, ok, err := decodeEncoded(s[i+2 : max(i+2, i+end)])
		if err != nil {
			return nil, err
		}
		if !ok { // the next "${" may stand inside
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteString(text)
		s = s[i+end+1:]
	}
}

// decodeEncoded decodes what stands between the braces; ok tells whether it has the syntax.
func decodeEncoded(s string) (text string, ok bool, err error) {
	kind, codes, found := strings.Cut(s, ":")
	words := strings.FieldsFunc(codes, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
	kind = strings.ToLower(kind)
	if !found || len(words) == 0 || kind != "hex" && kind != "unicode" {
		return "", false, nil
	}
	var b strings.Builder
	var bad error
	for _, w := range words {
		bits := 32
		if kind == "hex" {
			bits = 8
		}
		if bits == 8 && len(w) > 2 || strings.Trim(w, "0123456789abcdefABCDEF") != "" {
			return "", false, nil
		}
		n, err := strconv.ParseUint(w, 16, bits)
		switch {
		case kind == "hex" && err == nil:
			b.WriteByte(byte(n))
		case err == nil && n <= utf8.MaxRune && utf8.ValidRune(rune(n)):
			b.WriteRune(rune(n))
		case bad == nil:
			bad = fmt.Errorf("invalid unicode character 0x%08x in encoded character substitution", n)
		}
	}
	return b.String(), true, bad
}
