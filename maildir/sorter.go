package maildir

import (
	"slices"
	"strings"
	"sync"
)

const (
	// sortedAtOnce is how many names are sorted together.
	sortedAtOnce = 32 << 10
	// textsSize is how many bytes of texts lie together; a name has at most 255.
	textsSize = 64 << 10
)

// sorter takes in names as they come, and sorts them meanwhile.
type sorter struct {
	part    []string // the last ones
	texts   texts
	parts   [][]string // sorted when sorting is done
	sorting sync.WaitGroup
}

func (s *sorter) add(name []byte) {
	if s.part = append(s.part, s.texts.add(name)); len(s.part) < sortedAtOnce {
		return
	}
	part := s.part
	s.parts, s.part, s.texts = append(s.parts, part), make([]string, 0, sortedAtOnce), texts{}
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
	var t texts
	for i, name := range part {
		part[i] = t.add([]byte(name))
	}
}

// texts are texts that lie together in memory.
type texts struct{ last strings.Builder }

func (t *texts) add(text []byte) string {
	if t.last.Len()+len(text) > t.last.Cap() {
		t.last.Reset()
		t.last.Grow(textsSize)
	}
	at := t.last.Len()
	t.last.Write(text)
	return t.last.String()[at:]
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
