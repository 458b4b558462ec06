// Package statetest checks that a state store keeps the promises of state.Store.
package statetest

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dovetail/internal/state"
)

// Clock is a clock that stands until it is moved.
type Clock struct{ ms atomic.Int64 }

// NewClock starts on 21 November 2026.
func NewClock() *Clock {
	c := &Clock{}
	c.ms.Store(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

// Now gives the time.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.ms.Load()) }

// Move moves the clock on.
func (c *Clock) Move(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// Suite runs all checks. open gives a store with nothing in it yet, and each
// further call of more another one on the same data (another process would see
// that); more is nil for a store that is alone with its data.
func Suite(t *testing.T, open func(t *testing.T, now func() time.Time) (s state.Store, more func() state.Store)) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, s state.Store, c *Clock)
	}{
		{"claim", testClaim}, {"mark", testMark}, {"release", testRelease}, {"sweep", testSweep}, {"slow sweep", testSlowSweep},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewClock()
			s, _ := open(t, c.Now)
			defer closed(t, s)
			tt.run(t, s, c)
		})
	}
	t.Run("one winner", func(t *testing.T) {
		c := NewClock()
		s, more := open(t, c.Now)
		stores := []state.Store{s}
		if more != nil {
			stores = append(stores, more(), more())
		}
		testOneWinner(t, stores, c)
		for _, s := range stores {
			closed(t, s)
		}
	})
}

func closed(t *testing.T, s state.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// Key makes a key of a text.
func Key(text string) state.Key { return sha256.Sum256([]byte(text)) }

func seen(t *testing.T, s state.Store, text string, want bool) {
	t.Helper()
	if got, err := s.Seen(t.Context(), Key(text)); err != nil || got != want {
		t.Errorf("Seen(%s) = %v, %v; want %v", text, got, err, want)
	}
}

func claim(t *testing.T, s state.Store, text string, ttl time.Duration, want bool) {
	t.Helper()
	if won, err := s.Claim(t.Context(), Key(text), ttl); err != nil || won != want {
		t.Errorf("Claim(%s) = %v, %v; want %v", text, won, err, want)
	}
}

func testClaim(t *testing.T, s state.Store, c *Clock) {
	seen(t, s, "a", false)
	claim(t, s, "a", time.Hour, true)
	seen(t, s, "a", true)
	seen(t, s, "b", false)
	claim(t, s, "a", 9*time.Hour, false) // and its time is not prolonged
	claim(t, s, "b", time.Hour, true)
	c.Move(time.Hour - time.Millisecond)
	claim(t, s, "a", time.Hour, false)
	c.Move(time.Millisecond)
	seen(t, s, "a", false)
	claim(t, s, "a", time.Hour, true)
	claim(t, s, "a", time.Hour, false)
}

func testMark(t *testing.T, s state.Store, c *Clock) {
	for range 2 {
		if err := s.Mark(t.Context(), Key("a"), time.Hour); err != nil {
			t.Fatal(err)
		}
		seen(t, s, "a", true)
		claim(t, s, "a", time.Hour, false)
		c.Move(30 * time.Minute)
	}
	c.Move(15 * time.Minute)
	seen(t, s, "a", true)
	c.Move(15 * time.Minute)
	seen(t, s, "a", false)
}

func testRelease(t *testing.T, s state.Store, _ *Clock) {
	claim(t, s, "a", time.Hour, true)
	claim(t, s, "b", time.Hour, true)
	for range 2 { // what is not there can be released too
		if err := s.Release(t.Context(), Key("a")); err != nil {
			t.Fatal(err)
		}
		seen(t, s, "a", false)
	}
	seen(t, s, "b", true)
	claim(t, s, "a", time.Hour, true)
}

func testSweep(t *testing.T, s state.Store, c *Clock) {
	for i := range 10 {
		claim(t, s, fmt.Sprint(i), time.Duration(i+1)*time.Hour, true)
	}
	c.Move(3 * time.Hour)
	for _, want := range []int{3, 0} {
		if n, err := s.Sweep(t.Context()); err != nil || n != want {
			t.Errorf("Sweep = %d, %v; want %d", n, err, want)
		}
	}
	seen(t, s, "2", false)
	seen(t, s, "3", true)
}

// Without anybody sweeping, old keys go as new ones come.
func testSlowSweep(t *testing.T, s state.Store, c *Clock) {
	for i := range 20 {
		claim(t, s, fmt.Sprint("old", i), time.Hour, true)
	}
	c.Move(3 * time.Hour)
	for i := range 20 {
		claim(t, s, fmt.Sprint("new", i), time.Hour, true)
	}
	if n, err := s.Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("%d old keys were left (%v)", n, err)
	}
	seen(t, s, "new7", true)
}

// testOneWinner has many claim the same keys at once.
func testOneWinner(t *testing.T, stores []state.Store, c *Clock) {
	const keys, claimers = 20, 6
	for round := range 2 { // the second over keys whose time is over
		var wins [keys]atomic.Int32
		var wg sync.WaitGroup
		for n := range claimers {
			wg.Go(func() {
				for k := range keys {
					won, err := stores[n%len(stores)].Claim(t.Context(), Key(fmt.Sprint(k)), time.Hour)
					if err != nil {
						t.Errorf("round %d: %v", round, err)
					}
					if won {
						wins[k].Add(1)
					}
				}
			})
		}
		wg.Wait()
		for k := range keys {
			if n := wins[k].Load(); n != 1 {
				t.Errorf("round %d: key %d was won %d times", round, k, n)
			}
		}
		c.Move(2 * time.Hour)
	}
}
