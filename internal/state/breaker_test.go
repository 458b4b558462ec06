package state_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"dovetail/internal/state"
	"dovetail/internal/state/mem"
	"dovetail/internal/state/statetest"
)

// server is a Store whose answers take a time, or do not come.
type server struct {
	state.Store
	now   time.Time
	takes time.Duration
	err   error
	asked int
}

func (s *server) Claim(ctx context.Context, key state.Key, ttl time.Duration) (bool, error) {
	s.asked++
	s.now = s.now.Add(s.takes)
	if s.err != nil {
		return false, s.err
	}
	return s.Store.Claim(ctx, key, ttl)
}

func (s *server) Mark(ctx context.Context, key state.Key, ttl time.Duration) error {
	_, err := s.Claim(ctx, key, ttl)
	return err
}

func TestBreaker(t *testing.T) {
	s := &server{now: time.Unix(1e9, 0)}
	clock := func() time.Time { return s.now }
	s.Store = mem.New(clock)
	b := state.NewBreaker(s, clock)
	key := byte(0)
	claim := func(wantAsked int, want error) {
		t.Helper()
		before := s.asked
		key++
		won, err := b.Claim(t.Context(), state.Key{key}, time.Hour)
		if !errors.Is(err, want) || won != (want == nil) || s.asked-before != wantAsked {
			t.Errorf("claimed: %v, %v, asked %d times", won, err, s.asked-before)
		}
	}
	claim(1, nil)
	s.err = errors.New("refused")
	claim(1, s.err)
	claim(1, s.err) // who says no at once is asked again

	s.takes, s.err = 5*time.Second, context.DeadlineExceeded
	claim(1, context.DeadlineExceeded)
	claim(0, state.ErrSilent)
	if err := b.Mark(t.Context(), state.Key{}, time.Hour); !errors.Is(err, state.ErrSilent) {
		t.Errorf("marked: %v", err)
	}
	s.now = s.now.Add(state.SilentPause)
	claim(1, context.DeadlineExceeded) // still silent
	claim(0, state.ErrSilent)
	s.now = s.now.Add(state.SilentPause)
	s.err = nil // it is back, if slow
	claim(1, nil)
	claim(1, nil)
}

// While one question tries a store that did not answer, no other one waits for it.
func TestBreakerTriesOnce(t *testing.T) {
	s := &server{now: time.Unix(1e9, 0), takes: 2 * time.Second, err: context.DeadlineExceeded}
	b := state.NewBreaker(s, func() time.Time { return s.now })
	_, _ = b.Claim(t.Context(), state.Key{1}, time.Hour)
	s.now = s.now.Add(state.SilentPause)
	s.Store = nested{b: b, t: t}
	s.err = nil
	if _, err := b.Claim(t.Context(), state.Key{1}, time.Hour); err != nil {
		t.Error(err)
	}
}

// nested asks a Breaker while that waits for it.
type nested struct {
	state.Store
	b *state.Breaker
	t *testing.T
}

func (n nested) Claim(ctx context.Context, key state.Key, ttl time.Duration) (bool, error) {
	if _, err := n.b.Seen(ctx, key); !errors.Is(err, state.ErrSilent) {
		n.t.Errorf("another question: %v", err)
	}
	return true, nil
}

func TestBreakerIsAStore(t *testing.T) {
	statetest.Suite(t, func(_ *testing.T, now func() time.Time) (state.Store, func() state.Store) {
		return state.NewBreaker(mem.New(now), now), nil
	})
}
