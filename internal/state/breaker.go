package state

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrSilent says that a store was not asked, since it did not answer a moment ago.
var ErrSilent = errors.New("state: not asked, since it did not answer the last question")

const (
	silent      = time.Second      // a question that fails after longer than that was not answered
	SilentPause = 10 * time.Second // how long a store that did not answer is not asked
)

// Breaker is a Store on a server that may not answer: each delivery would wait for
// it until its time is over, again and again. After a question that waited for nothing
// the others fail at once, with ErrSilent, for SilentPause. Then one of them asks again.
type Breaker struct {
	Store
	now func() time.Time

	mu    sync.Mutex
	until time.Time // when the store may be asked again; zero: it answers
}

// NewBreaker makes one of a store and a clock.
func NewBreaker(s Store, now func() time.Time) *Breaker { return &Breaker{Store: s, now: now} }

// ask calls a function that asks the store, unless that does not answer.
func (b *Breaker) ask(f func() error) error {
	began := b.now()
	b.mu.Lock()
	if began.Before(b.until) {
		b.mu.Unlock()
		return ErrSilent
	}
	if !b.until.IsZero() {
		b.until = began.Add(SilentPause) // the others do not wait for what this one finds out
	}
	b.mu.Unlock()

	err := f()
	ended := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && ended.Sub(began) > silent {
		b.until = ended.Add(SilentPause)
	} else {
		b.until = time.Time{}
	}
	return err
}

// Seen is Store's.
func (b *Breaker) Seen(ctx context.Context, key Key) (seen bool, err error) {
	err = b.ask(func() error { seen, err = b.Store.Seen(ctx, key); return err })
	return seen, err
}

// Claim is Store's.
func (b *Breaker) Claim(ctx context.Context, key Key, ttl time.Duration) (won bool, err error) {
	err = b.ask(func() error { won, err = b.Store.Claim(ctx, key, ttl); return err })
	return won, err
}

// Mark is Store's.
func (b *Breaker) Mark(ctx context.Context, key Key, ttl time.Duration) error {
	return b.ask(func() error { return b.Store.Mark(ctx, key, ttl) })
}

// Release is Store's.
func (b *Breaker) Release(ctx context.Context, key Key) error {
	return b.ask(func() error { return b.Store.Release(ctx, key) })
}
