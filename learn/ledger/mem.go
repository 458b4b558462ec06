package ledger

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"dovetail/learn"
)

// Mem is a learn.Ledger in memory: what it knows ends with the process.
type Mem struct {
	mu      sync.Mutex
	entries map[memKey]memEntry
}

type memKey struct {
	backend, user string
	hash          learn.Hash
}

type memEntry struct {
	learn.Entry
	n int // place among those written with it
}

// NewMem makes an empty ledger.
func NewMem() *Mem { return &Mem{entries: map[memKey]memEntry{}} }

// Taught is learn.Ledger's.
func (m *Mem) Taught(_ context.Context, backend, user string, hashes []learn.Hash) (map[learn.Hash]learn.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[learn.Hash]learn.Entry{}
	for _, hash := range hashes {
		if e, ok := m.entries[memKey{backend, user, hash}]; ok {
			found[hash] = e.Entry
		}
	}
	return found, nil
}

// Write is learn.Ledger's.
func (m *Mem) Write(_ context.Context, backend, user string, entries []learn.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, e := range entries {
		e.At = time.UnixMilli(e.At.UnixMilli())
		m.entries[memKey{backend, user, e.Hash}] = memEntry{e, i}
	}
	return nil
}

// Open is learn.Ledger's.
func (m *Mem) Open(_ context.Context, backend, user string) ([]learn.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []memEntry
	for k, e := range m.entries {
		if k.backend == backend && k.user == user && e.Intent != learn.None {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b memEntry) int { return cmp.Compare(a.n, b.n) })
	var entries []learn.Entry
	for _, e := range found {
		entries = append(entries, e.Entry)
	}
	return entries, nil
}

// Count is learn.Ledger's.
func (m *Mem) Count(context.Context) ([]learn.Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := map[learn.Count]int{}
	for k, e := range m.entries {
		if e.Class != learn.None {
			n[learn.Count{Backend: k.backend, Class: e.Class}]++
		}
	}
	var counts []learn.Count
	for c, n := range n {
		c.N = n
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b learn.Count) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Class, b.Class))
	})
	return counts, nil
}

// Forget is learn.Ledger's.
func (m *Mem) Forget(_ context.Context, before time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := len(m.entries)
	for k, e := range m.entries {
		if e.At.UnixMilli() < before.UnixMilli() {
			delete(m.entries, k)
		}
	}
	return old - len(m.entries), nil
}
