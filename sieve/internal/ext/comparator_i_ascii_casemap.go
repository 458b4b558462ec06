package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Name: "comparator-i;ascii-casemap", Spec: "RFC 4790 section 9.2", Base: true,
	Comparators: []engine.Comparator{{
		Name:    "i;ascii-casemap",
		Equal:   engine.EqualASCII,
		Hash:    engine.HashASCII,
		Compare: engine.CompareASCII,
		Prefix: func(value, literal string) (int, bool) {
			n := len(literal)
			return n, n <= len(value) && engine.EqualASCII(value[:n], literal)
		},
		Index: func(value, literal string) (int, int) { return engine.IndexASCII(value, literal), len(literal) },
	}},
})
