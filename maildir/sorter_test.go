package maildir

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Names come out sorted, however many there are.
func TestSorter(t *testing.T) {
	for _, n := range []int{0, 1, 100, sortedAtOnce, 5*sortedAtOnce + 7} {
		var s sorter
		var want []string
		for _, i := range rand.New(rand.NewPCG(1, uint64(n))).Perm(n) {
			name := fmt.Sprintf("%d.M%dP1.h:2,S", i/3, i)
			s.add([]byte(name))
			want = append(want, name)
		}
		slices.Sort(want)
		if got := s.sorted(); !slices.Equal(got, want) {
			t.Errorf("%d names: %d came out, or not in order", n, len(got))
		}
	}
}
