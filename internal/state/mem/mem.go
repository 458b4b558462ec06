// Package mem is a state store in memory: for tests, for demonstrations, and
// where nothing needs to outlive the process.
package mem

import (
	"context"
	"sync"
	"time"

	"dovetail/internal/state"
)

// Store is a state.Store of one process.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	expires map[state.Key]time.Time
	swept   time.Time
}

// New makes an empty store with a clock.
func New(now func() time.Time) *Store {
	return &Store{now: now, expires: map[state.Key]time.Time{}, swept: now()}
}

// sweepEvery bounds how long keys stay after their time.
const sweepEvery = time.Hour

// Seen is state.Store's.
func (s *Store) Seen(_ context.Context, key state.Key) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expires[key].After(s.now()), nil
}

// Claim is state.Store's.
func (s *Store) Claim(_ context.Context, key state.Key, ttl time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.expires[key].After(now) {
		return false, nil
	}
	s.set(key, now, ttl)
	return true, nil
}

// Mark is state.Store's.
func (s *Store) Mark(_ context.Context, key state.Key, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(key, s.now(), ttl)
	return nil
}

func (s *Store) set(key state.Key, now time.Time, ttl time.Duration) {
	if now.Sub(s.swept) > sweepEvery {
		s.sweep(now)
	}
	s.expires[key] = now.Add(ttl)
}

// Release is state.Store's.
func (s *Store) Release(_ context.Context, key state.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.expires, key)
	return nil
}

// Sweep is state.Store's.
func (s *Store) Sweep(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sweep(s.now()), nil
}

func (s *Store) sweep(now time.Time) int {
	n := 0
	for key, t := range s.expires {
		if !t.After(now) {
			delete(s.expires, key)
			n++
		}
	}
	s.swept = now
	return n
}

// Close is state.Store's.
func (s *Store) Close() error { return nil }
