package lint

import (
	"fmt"
	"strings"
	"testing"

	"dovetail/sieve"
)

// BenchmarkThousandRules looks at a script of many rules with nothing to say of it.
func BenchmarkThousandRules(b *testing.B) {
	e, err := sieve.New(sieve.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var s strings.Builder
	s.WriteString("require \"fileinto\";\n")
	for i := range 1000 {
		fmt.Fprintf(&s, "if address :is \"from\" \"user%d@example.net\" { fileinto \"box%d\"; stop; }\n", i, i)
	}
	src := []byte(s.String())
	b.ReportAllocs()
	for b.Loop() {
		if findings := Script(e, "bench", src, Options{}); len(findings) > 0 {
			b.Fatal(findings)
		}
	}
}
