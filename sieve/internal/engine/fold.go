package engine

import "strings"

// lower gives an ASCII letter in lower case.
func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// EqualASCII compares with ASCII letters of any case as equal, and no others
// (i;ascii-casemap, RFC 4790 section 9.2).
func EqualASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// CompareASCII orders likewise.
func CompareASCII(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

// maxMisses is after how many places that only begin like a text the search for
// it goes on in a way that takes linear time whatever the texts are.
const maxMisses = 256

// lowerASCII gives s with its ASCII letters in lower case.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// IndexASCII finds sub in s likewise; -1 when it is not there.
func IndexASCII(s, sub string) int {
	if sub == "" {
		return 0
	}
	first := lower(sub[0])
	other := first
	if first >= 'a' && first <= 'z' {
		other = first - 'a' + 'A'
	}
	misses := 0
	for at := 0; at+len(sub) <= len(s); at++ {
		if misses++; misses > maxMisses && len(sub) > 16 {
			if i := strings.Index(lowerASCII(s[at:]), lowerASCII(sub)); i >= 0 {
				return at + i
			}
			return -1
		}
		rest := s[at : len(s)-len(sub)+1]
		i := strings.IndexByte(rest, first)
		if other != first {
			if i < 0 {
				i = strings.IndexByte(rest, other)
			} else if j := strings.IndexByte(rest[:i], other); j >= 0 {
				i = j
			}
		}
		if i < 0 {
			return -1
		}
		at += i
		if EqualASCII(s[at:at+len(sub)], sub) {
			return at
		}
	}
	return -1
}
