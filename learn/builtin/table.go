package builtin

import "math/rand/v2"

// table maps keys to counts. It is a third of the time and the memory of a map,
// which counts where each message has hundreds of tokens. It only grows.
type table struct {
	slots []slot // a power of two; at most half of them are used
	used  int
	seed  uint64 // odd and random, so that nobody can send words that collide
}

// slot is a place of a table; one without counts is empty.
type slot struct {
	key       int64
	spam, ham uint32
}

// place gives the slot of a key, or the empty one where it belongs.
func (t *table) place(key int64) *slot {
	mask := uint64(len(t.slots) - 1)
	for i := uint64(key) * t.seed >> 32 & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.key == key || s.spam|s.ham == 0 {
			return s
		}
	}
}

// get gives the counts of a key.
func (t *table) get(key int64) counts {
	s := t.place(key)
	if s.key != key {
		return counts{}
	}
	return counts{int64(s.spam), int64(s.ham)}
}

// set adds a key that is not there yet.
func (t *table) set(key int64, n counts) {
	if 2*(t.used+1) > len(t.slots) {
		old := t.slots
		t.seed = rand.Uint64() | 1
		t.slots = make([]slot, max(1024, 2*len(old)))
		for _, s := range old {
			if s.spam|s.ham != 0 {
				*t.place(s.key) = s
			}
		}
	}
	if n == (counts{}) {
		return
	}
	*t.place(key) = slot{key, uint32(n.spam), uint32(n.ham)}
	t.used++
}
