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
	entries map[memKey]learn.Entry
}

type memKey struct {
	backend, user string
	hash          learn.Hash
}

// NewMem makes an empty ledger.
func NewMem() *Mem { return &Mem{entries: map[memKey]learn.Entry{}} }

// Taught is learn.Ledger's.
func (m *Mem) Taught(_ context.Context, backend, user string, hashes []learn.Hash) (map[learn.Hash]learn.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[learn.Hash]learn.Entry{}
	for _, hash := range hashes {
		if e, ok := m.entries[memKey{backend, user, hash}]; ok {
			found[hash] = e
		}
	}
	return found, nil
}

// Write is learn.Ledger's.
func (m *Mem) Write(_ context.Context, backend, user string, entries []learn.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		e.At = time.UnixMilli(e.At.UnixMilli())
		m.entries[memKey{backend, user, e.Hash}] = e
	}
	return nil
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
