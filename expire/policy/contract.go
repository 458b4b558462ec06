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
	// killed, is in it once. Open opens the message. After an error a Flush tells
	// whether only this message could not be read.
	Add(ctx context.Context, m *expire.Match, open func() (io.ReadCloser, error)) error
	// Flush makes what was added survive a crash; before that nothing is deleted.
	Flush(ctx context.Context) error
	// Close gives up what was not flushed.
	Close() error
}

// Stamps know since when messages are where they are. Of a message the base of its
// file's name is known, of a mailbox its id, or its name where it has none yet.
type Stamps interface {
	// Known gives for each name the time at which it was first seen in a mailbox: the
	// zero time where it was not yet.
	Known(ctx context.Context, user, mailbox string, names []string) ([]time.Time, error)
	// Of is Known, and stamps those that were not seen yet. Other names are forgotten.
	Of(ctx context.Context, user, mailbox string, names []string) ([]time.Time, error)
	// Keep forgets what is stamped in other mailboxes than these.
	Keep(ctx context.Context, user string, mailboxes []string) error
}

// User is one whose mail the rules are about.
type User struct {
	Name  string
	Home  string // "" for none
	Store *maildir.Store
	// Rights are what the user's files are touched with.
	Rights Rights
	// Archive gives the archive at a place (Rule.Archive), which is used with the rights
	// above. It may be nil where no rule archives.
	Archive func(place string) (Archive, error)
}

// Rights are a user's rights; fsx.Credentials are.
type Rights interface {
	Do(f func() error) error
}
