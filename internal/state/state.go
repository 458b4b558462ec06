// Package state remembers what was done, so that it is not done again: who got a
// vacation answer (RFC 5230 section 4.2), which messages a script has seen
// (RFC 7352), what was redirected already. A memory is a key with a time until
// which it counts; what the key means is known only to who made it.
//
// There are stores in memory (mem), in a file (sqlite) and on a server that
// several machines share (postgres). All keep the promises of Store, which
// statetest.Suite checks.
package state

import (
	"context"
	"time"
)

// Key says what is remembered. It is a cryptographic hash, so that keys never
// meet and that a store tells nobody who wrote to whom.
type Key = [32]byte

// Store remembers keys. It is safe for concurrent use, by several processes too
// where its kind allows for them. An error means that nothing is known: whether
// the key was there, nor whether it is now.
//
// A store that cannot be reached when it is opened is usable as soon as it can be.
type Store interface {
	// Seen tells whether key is remembered.
	Seen(ctx context.Context, key Key) (bool, error)
	// Claim remembers key for ttl unless it is remembered, and tells whether it was
	// not. Of those who claim a key at the same time one wins. What was won stays
	// won after a crash.
	Claim(ctx context.Context, key Key, ttl time.Duration) (won bool, err error)
	// Mark remembers key for ttl from now, whether it was remembered or not.
	Mark(ctx context.Context, key Key, ttl time.Duration) error
	// Release forgets key: what was claimed for it did not happen.
	Release(ctx context.Context, key Key) error
	// Sweep forgets for good all keys whose time is over and tells how many those
	// were. Nobody has to call it: every claim and mark takes a few of them away.
	Sweep(ctx context.Context) (int, error)
	Close() error
}
