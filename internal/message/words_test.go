package message

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeWords(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{"=?utf-8?q?Gr=C3=BC=C3=9Fe?= aus", "Grüße aus"},
		{"=?ISO-8859-1?Q?caf=E9_au?= =?utf-8?B?w6k=?=", "café aué"},
		{"a =?utf-8?q?b?= c =?utf-8?q?d?=  \t=?utf-8?q?e?=", "a b c de"},
		{"=?utf-8?q?=C3?= =?UTF-8?q?=BC?=", "ü"}, // split in a character
		{"=?utf-8?b?w6nDqQ==?=x", "ééx"},
		{"(=?utf-8?q?x?=)", "(x)"},
		{"=?utf-8*de?q?x?=", "x"},
		{"=?nonsense?q?x=FF?=", "x\ufffd"},
		{"=?utf-8?q?unterminated", "=?utf-8?q?unterminated"},
		{"=?utf-8?x?a?= =?utf-8?q?b?=", "=?utf-8?x?a?= b"},
		{"=?utf-8?b?###?=", "=?utf-8?b?###?="},
		{"=?utf-8?q?a=zz=4?=", "a=zz=4"},
		{"=? =?=?utf-8?q?a?=?=", "=? =?a?="},
		{"=??q?a?=", "=??q?a?="},
		{"caf\xe9", "caf\ufffd"},
		{"\xe9\xff =?utf-8?q?b?= \xe9", "\ufffd b \ufffd"},
	}
	for _, tt := range tests {
		if got := DecodeWords(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// Encoded words without an end: for each of them the rest of the text must not be
// searched, or this takes hours.
func TestDecodeWordsIsLinear(t *testing.T) {
	text := strings.Repeat("=?a?q?x", 2<<20)
	if got := DecodeWords(text); got != text {
		t.Error("it was changed")
	}
}

func FuzzDecodeWords(f *testing.F) {
	f.Add("=?utf-8?q?=C3?= =?utf-8?b?w6k=?= x =?a?b?")
	f.Fuzz(func(t *testing.T, s string) {
		if out := DecodeWords(s); !utf8.ValidString(out) {
			t.Errorf("%q gave %q", s, out)
		}
	})
}
