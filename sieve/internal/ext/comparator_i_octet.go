package ext

import (
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "comparator-i;octet", Spec: "RFC 4790 section 9.3", Base: true,
	Comparators: []engine.Comparator{{
		Name:    "i;octet",
		Equal:   func(a, b string) bool { return a == b },
		Hash:    engine.HashOctets,
		Compare: strings.Compare,
		Prefix: func(value, literal string) (int, bool) {
			return len(literal), strings.HasPrefix(value, literal)
		},
		Index: func(value, literal string) (int, int) { return strings.Index(value, literal), len(literal) },
	}},
})
