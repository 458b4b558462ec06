package ext

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// RFC 5051 section 2, with characters that change their length, that are made of
// several, and that are alike for compatibility.
func TestUnicodeCasemap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"ABC", "abc", 0}, {"Grüße", "GRÜßE", 0}, {"ü", "u\u0308", 0}, {"Ü", "u\u0308", 0},
		{"ǆ", "ǅ", 0}, {"ﬁ", "ﬁ", 0}, {"Ａ", "a", 0}, {"Σ", "σ", 0}, {"ς", "σ", 0}, {"ё", "Ё", 0},
		{"a", "b", -1}, {"b", "A", 1}, {"z", "ä", 1}, // by what they are made of: A and a diaeresis
		{"ß", "ss", 1}, // titlecase of one character is one character
		{"\xff", "\xff", 0}, {"\xff", "\xfe", 1}, {"a\xff", "A\xff", 0},
	} {
		got := strings.Compare(titlecased(c.a), titlecased(c.b))
		if got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestUnicodeSubstrings(t *testing.T) {
	for _, c := range []struct {
		value, literal string
		at, n          int
	}{
		{"Schöne GRÜßE!", "grüße", 8, 7}, {"Schöne Grüße", "GRU\u0308ß", 8, 6}, {"a", "", 0, 0}, {"", "", 0, 0},
		{"", "x", -1, 0}, {"naïve", "I", 2, 2}, {"café", "E", 3, 2}, {"x\xffy", "\xffY", 1, 2}, {"ab", "abc", -1, 0},
	} {
		if at, n := unicodeIndex(c.value, c.literal); at != c.at || n != c.n {
			t.Errorf("%q in %q: %d, %d", c.literal, c.value, at, n)
		}
	}
	for _, c := range []struct {
		value, literal string
		n              int
		ok             bool
	}{
		{"Übung", "u\u0308B", 3, true}, {"u\u0308bung", "Ü", 3, true}, {"Übung", "U", 2, true}, {"Übung", "", 0, true},
		{"Üb", "übung", 0, false}, {"Ubung", "ü", 0, false}, {"\xff1", "\xff", 1, true},
	} {
		if n, ok := unicodePrefix(c.value, c.literal); n != c.n || ok != c.ok {
			t.Errorf("%q before %q: %d, %v", c.literal, c.value, n, ok)
		}
	}
}

// FuzzUnicodeCasemap: what Index finds lies in the value, on the borders of
// characters, and Prefix finds the same there.
func FuzzUnicodeCasemap(f *testing.F) {
	f.Add("Schöne Grüße", "RU\u0308")
	f.Add("ﬁn\xff", "I")
	f.Fuzz(func(t *testing.T, value, literal string) {
		at, n := unicodeIndex(value, literal)
		if at < 0 {
			return
		}
		if n < 0 || at+n > len(value) || utf8.ValidString(value) && (!utf8.ValidString(value[:at]) || !utf8.ValidString(value[at:at+n])) {
			t.Fatalf("%d, %d", at, n)
		}
		if !strings.Contains(titlecased(value[at:at+n]), titlecased(literal)) {
			t.Fatalf("%q is not in %q", literal, value[at:at+n])
		}
	})
}
