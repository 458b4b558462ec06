package maildir

import (
	"slices"
	"strings"
	"sync"
)

const (
	// sortedAtOnce is how many names are sorted together.
	sortedAtOnce = 32 << 10
	// textsSize is how many bytes of texts lie together.
	textsSize = 64 << 10
)

// sorter takes in names as they come, and sorts them meanwhile.
type sorter struct {
	part    []string   // the last ones
	parts   [][]string // sorted when sorting is done
	sorting sync.WaitGroup
}

func (s *sorter) add(name string) {
	if s.part = append(s.part, name); len(s.part) < sortedAtOnce {
		return
	}
	part := s.part
	s.parts, s.part = append(s.parts, part), make([]string, 0, sortedAtOnce)
	s.sorting.Go(func() { arrange(part) })
}

// sorted gives all that were added.
func (s *sorter) sorted() []string {
	arrange(s.part)
	s.sorting.Wait()
	parts := append(s.parts, s.part)
	for len(parts) > 1 {
		var merged [][]string
		for pair := range slices.Chunk(parts, 2) {
			if len(pair) == 2 {
				pair[0] = merge(pair[0], pair[1])
			}
			merged = append(merged, pair[0])
		}
		parts = merged
	}
	return parts[0]
}

// arrange sorts names, and has them lie in memory in this order: so they are read from
// now on, and memory is fast when it is read so. In few pieces, too, for which the
// garbage collector has less to look at.
func arrange(part []string) {
	slices.Sort(part)
	var b strings.Builder
	for i, name := range part {
		if b.Len()+len(name) > b.Cap() {
			b.Reset()
			b.Grow(textsSize)
		}
		at := b.Len()
		b.WriteString(name)
		part[i] = b.String()[at:]
	}
}

// merge makes one sorted list of two.
func merge(a, b []string) []string {
	all := make([]string, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}
