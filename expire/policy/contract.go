package policy

import (
	"context"
	"io"
	"time"

	"dovetail/expire"
	"dovetail/maildir"
)

// Archive keeps messages that are about to be deleted.
type Archive interface {
	// Add writes a message. One that the archive has already, as after a run that was
	// killed, is in it once. Open opens the message; its error says that this one
	// cannot be read, and is returned as it is.
	Add(ctx context.Context, m *expire.Match, open func() (io.ReadCloser, error)) error
	// Flush makes what was added survive a crash; before that nothing is deleted.
	Flush(ctx context.Context) error
	// Close gives up what was not flushed.
	Close() error
}

// Stamps know since when messages are where they are.
type Stamps interface {
	// Of gives for each key, the GUID of a message, the time at which it was first
	// asked for in a mailbox: the zero time where that is now. What has no key any
	// more is forgotten. ID is the mailbox's, or its name where it has none yet.
	Of(ctx context.Context, user, id string, keys []string) ([]time.Time, error)
}

// User is one whose mail the rules are about.
type User struct {
	Name  string
	Home  string // "" for none
	Store *maildir.Store
	// Rights are what the user's files are touched with.
	Rights Rights
	// Archive opens an archive at a place (Rule.Archive), with the rights above.
	Archive func(ctx context.Context, place string) (Archive, error)
}

// Rights are a user's rights; fsx.Credentials are.
type Rights interface {
	Do(f func() error) error
}
