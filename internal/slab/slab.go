// Package slab allocates many small values of one type together: trees and
// compiled scripts are made of thousands, and each allocation costs more than
// filling it.
//
// A slab stays in memory while one of its values is in use, so values with
// different lifetimes must not come from the same one.
package slab

// The sizes of slabs, in values: small ones for small scripts, larger ones after them.
const (
	first = 4
	most  = 128
)

// Of hands out values of type T. The zero value is ready for use.
type Of[T any] struct {
	free []T
	size int // of the slab that free is the rest of

	keep bool
	kept [][]T
	used int // of kept
}

// Keep has the slabs kept for Reset.
func (s *Of[T]) Keep() { s.keep = true }

// Reset takes back all that was handed out since Keep; nobody may use it any more.
func (s *Of[T]) Reset() {
	for _, used := range s.kept[:s.used] {
		clear(used)
	}
	s.free, s.used = nil, 0
}

// New gives a zero value.
func (s *Of[T]) New() *T { return &s.Slice(1)[0] }

// Slice gives n zero values, with no room behind them.
func (s *Of[T]) Slice(n int) []T {
	if n > most/4 {
		return make([]T, n)
	}
	if n > len(s.free) {
		s.next(n)
	}
	got := s.free[:n:n]
	s.free = s.free[n:]
	return got
}

// next begins a slab with room for n values.
func (s *Of[T]) next(n int) {
	for s.used < len(s.kept) {
		s.free = s.kept[s.used]
		s.used++
		if n <= len(s.free) {
			return
		}
	}
	s.size = max(first, n, min(2*s.size, most))
	s.free = make([]T, s.size)
	if s.keep {
		s.kept = append(s.kept, s.free)
		s.used = len(s.kept)
	}
}

// Copy gives a copy of values; nil of none.
func (s *Of[T]) Copy(values []T) []T {
	if len(values) == 0 {
		return nil
	}
	got := s.Slice(len(values))
	copy(got, values)
	return got
}

// One gives a slice of one value.
func (s *Of[T]) One(value T) []T {
	got := s.Slice(1)
	got[0] = value
	return got
}
