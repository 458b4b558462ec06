package opinion

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// defaultSeed is the seed of all that is random here.
const defaultSeed = 20261121

// seed gives the seed of this run, and tells it where the test fails.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := uint64(defaultSeed)
	if v := os.Getenv("DOVETAIL_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("DOVETAIL_SEED: %v", err)
		}
		s = n
	}
	t.Logf("DOVETAIL_SEED=%d", s)
	return s
}

// amount gives how many of something there are to be, of the full number.
func amount(t *testing.T, full int) int {
	t.Helper()
	n := full / 10
	switch {
	case os.Getenv("DOVETAIL_CI") == "1":
		n = full
	case testing.Short():
		n = full / 50
	}
	if v := os.Getenv("DOVETAIL_PAIRS"); v != "" {
		times, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("DOVETAIL_PAIRS: %v", err)
		}
		n = full * times
	}
	return n
}

// random draws.
type random struct {
	*rand.Rand
	clean bool // no broken addresses and escapes
}

// newRandom gives the i-th source of a seed: what is made from it depends on
// nothing made before.
func newRandom(seed uint64, i int) random {
	return random{Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
}

// one in n.
func (r random) one(n int) bool { return r.IntN(n) == 0 }

// pick gives any of the values.
func pick[T any](r random, values ...T) T { return values[r.IntN(len(values))] }

// some gives up to n of the values, each at most once, at least one.
func some[T any](r random, n int, values []T) []T {
	values = slices.Clone(values)
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values[:1+r.IntN(min(n, len(values)))]
}

// choice is a way to go on, taken with a weight.
type choice struct {
	weight int
	needs  string // capability, "" for none
	make   func() string
}

// choose takes one of the choices that the capabilities allow.
func (g *generator) choose(choices ...choice) string {
	total := 0
	for _, c := range choices {
		if c.needs == "" || g.caps[c.needs] {
			total += c.weight
		}
	}
	n := g.IntN(total)
	for _, c := range choices {
		if c.needs != "" && !g.caps[c.needs] {
			continue
		}
		if n -= c.weight; n < 0 {
			if c.needs != "" {
				g.need(c.needs)
			}
			return c.make()
		}
	}
	return ""
}
