package ext

import (
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
	if s[0] < utf8.RuneSelf {
		if 'a' <= s[0] && s[0] <= 'z' {
			i := s[0] - 'a'
			return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i : i+1], 1
		}
		return s[:1], 1
	}
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
// the whole of it is what was found. The forms of value are not kept: they can
// be much larger than value. It is the search of Knuth, Morris and Pratt.
func unicodeIndex(value, literal string) (at, n int) {
	want := titlecased(literal)
	if want == "" {
		return 0, 0
	}
	next := prefixes(want)
	have, length := int32(0), 0 // bytes of want that match, and bytes of form up to here
	for i := 0; i < len(value); {
		form, size := titlecasedRune(value[i:])
		i += size
		for k := 0; k < len(form); k++ {
			for have > 0 && form[k] != want[have] {
				have = next[have-1]
			}
			if form[k] == want[have] {
				have++
			}
			if length++; int(have) == len(want) {
				start := charAt(value, length-len(want))
				return start, i - start
			}
		}
	}
	return -1, 0
}

// prefixes gives for each beginning of s the length of the longest shorter
// beginning of s that it ends with.
func prefixes(s string) []int32 {
	next := make([]int32, len(s))
	for i, have := 1, int32(0); i < len(s); i++ {
		for have > 0 && s[i] != s[have] {
			have = next[have-1]
		}
		if s[i] == s[have] {
			have++
		}
		next[i] = have
	}
	return next
}

// charAt gives where the character of value begins in whose form the byte number n stands.
func charAt(value string, n int) int {
	for i := 0; i < len(value); {
		form, size := titlecasedRune(value[i:])
		if n -= len(form); n < 0 {
			return i
		}
		i += size
	}
	return len(value)
}
