package ext

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	// Pigeonhole 2.4 has it without require, as the two that RFC 5228 section 2.7.3 names.
	Name: "comparator-i;unicode-casemap", Spec: "RFC 5051", Base: true,
	Comparators: []engine.Comparator{{
		Name:    "i;unicode-casemap",
		Equal:   func(a, b string) bool { return a == b || titlecased(a) == titlecased(b) },
		Compare: func(a, b string) int { return strings.Compare(titlecased(a), titlecased(b)) },
		Prefix:  unicodePrefix,
		Index:   unicodeIndex,
	}},
})

// titlecased gives the form that is compared by octets: each character in
// titlecase, then taken apart into what it is made of, for compatibility too (RFC
// 5051 section 2). Octets that are no UTF-8 stay.
func titlecased(s string) string {
	if plain := asciiTitle(s); plain != "" || s == "" {
		return plain
	}
	var b strings.Builder
	for s != "" {
		t, n := titlecasedRune(s)
		b.WriteString(t)
		s = s[n:]
	}
	return b.String()
}

// asciiTitle gives ASCII in upper case, "" for any other text.
func asciiTitle(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return ""
		}
	}
	return strings.ToUpper(s)
}

// titlecasedRune gives the form of the first character of s, and its length in s.
func titlecasedRune(s string) (string, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n <= 1 {
		return s[:n], n
	}
	return norm.NFKD.String(string(unicode.ToTitle(r))), n
}

// unicodePrefix tells how many bytes of value its beginning that equals literal takes.
func unicodePrefix(value, literal string) (int, bool) {
	want, n := titlecased(literal), 0
	for want != "" {
		if n == len(value) {
			return 0, false
		}
		t, size := titlecasedRune(value[n:])
		if len(t) > len(want) {
			t = t[:len(want)] // the literal ends within a character
		}
		if !strings.HasPrefix(want, t) {
			return 0, false
		}
		want, n = want[len(t):], n+size
	}
	return n, true
}

// unicodeIndex finds literal in value. Where it is a part of a character only,
// the whole of it is what was found.
func unicodeIndex(value, literal string) (at, n int) {
	var b strings.Builder
	var starts, ends []int // of each character in value, and the end of its form
	for i := 0; i < len(value); {
		t, size := titlecasedRune(value[i:])
		b.WriteString(t)
		starts, ends = append(starts, i), append(ends, b.Len())
		i += size
	}
	want := titlecased(literal)
	found := strings.Index(b.String(), want)
	switch {
	case found < 0:
		return -1, 0
	case want == "":
		return 0, 0
	}
	first := sort.SearchInts(ends, found+1)
	last := sort.SearchInts(ends, found+len(want))
	end := len(value)
	if last+1 < len(starts) {
		end = starts[last+1]
	}
	return starts[first], end - starts[first]
}
