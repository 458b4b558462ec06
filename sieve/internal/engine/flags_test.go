package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	for _, tt := range []struct{ old, add, remove, want []string }{
		{add: []string{`\seen $Junk`, "a", "A b"}, want: []string{`\seen`, "$Junk", "a", "b"}},
		{old: []string{"a"}, add: []string{"A", `\x`, "(", "ü", "a]", ""}, want: []string{"a"}},
		{old: []string{"a", `\Seen`}, add: []string{"b"}, remove: []string{`\SEEN B`, "none"}, want: []string{"a"}},
	} {
		old := slices.Clone(tt.old)
		if got := RemoveFlags(AddFlags(old, tt.add), tt.remove); !slices.Equal(got, tt.want) || !slices.Equal(old, tt.old) {
			t.Errorf("%v and %v without %v: %v, want %v", tt.old, tt.add, tt.remove, got, tt.want)
		}
	}
	if AddFlags([]string{}, nil) == nil {
		t.Error("no flags are not the same as none said")
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "f%d ", i)
	}
	half := AddFlags(nil, []string{many.String()[:800]})
	if got := AddFlags(half, []string{many.String()}); len(got) != maxFlags || got[maxFlags-1] != fmt.Sprint("f", maxFlags-1) {
		t.Errorf("%d flags", len(got))
	}
}
