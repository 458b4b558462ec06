package ext

import (
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "comparator-i;ascii-numeric", Spec: "RFC 4790 section 9.1",
	Comparators: []engine.Comparator{{
		Name:    "i;ascii-numeric",
		Equal:   func(a, b string) bool { return compareNumeric(a, b) == 0 },
		Compare: compareNumeric,
	}},
})

// compareNumeric compares the numbers that the strings begin with. What begins
// with none is infinite. Numbers have any length.
func compareNumeric(a, b string) int {
	x, y := leadingDigits(a), leadingDigits(b)
	switch {
	case x == "" && y == "":
		return 0
	case x == "":
		return 1
	case y == "":
		return -1
	}
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}

func leadingDigits(s string) string {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n]
}
