package learn

import (
	"context"
	"time"
)

// Ledger remembers what back ends were taught. It is safe for concurrent use by
// several processes. An error means that nothing is known.
type Ledger interface {
	// Taught gives the entries of those hashes that have one.
	Taught(ctx context.Context, backend, user string, hashes []Hash) (map[Hash]Entry, error)
	// Write makes the entries durable, all or none, in place of older ones.
	Write(ctx context.Context, backend, user string, entries []Entry) error
	// Count tells how many messages each back end knows in each class, over all users.
	Count(ctx context.Context) ([]Count, error)
	// Forget takes away entries whose time is before that.
	Forget(ctx context.Context, before time.Time) (int, error)
}

// Entry is what a back end knows of a message, for one user.
type Entry struct {
	Hash  Hash
	Class Class // None: nothing yet
	// Intent is the class that was about to be taught, and may have been; None: nothing
	// is open.
	Intent Class
	At     time.Time // of the last lesson about it, in milliseconds
}

// Count is a number of messages.
type Count struct {
	Backend string
	Class   Class
	N       int
}
