// Package mailstore is the contract of a mail store, shared by those who write to
// it (delivery) and those who read it (the operator's tools).
//
// A delivery has three steps, so that many of them can share one flush: Prepare
// writes the message where no reader sees it, Publish makes it visible, and what
// Unsynced gives after each of the two must be flushed before the delivery counts.
package mailstore

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/message"
)

// ErrNoMailbox says that a mailbox does not exist and was not to be made.
var ErrNoMailbox = errors.New("mailbox doesn't exist")

// ErrBadName says that a mailbox cannot have such a name in this store.
var ErrBadName = errors.New("invalid mailbox name")

// ErrNoMessage says that a message is not in its mailbox any more.
var ErrNoMessage = errors.New("message doesn't exist")

// Inbox is the name of the default mailbox, in any case of letters (RFC 9051 section 5.1).
const Inbox = "INBOX"

// Delivery says how a message is stored.
type Delivery struct {
	Mailbox   string    // UTF-8, with the namespace's prefix and separator
	Flags     []string  // IMAP flags and keywords, e.g. `\Seen`, `Junk`
	Create    bool      // make the mailbox where it is missing (INBOX always is made)
	Subscribe bool      // subscribe to a mailbox that was made
	Received  time.Time // INTERNALDATE
	Share     Pending   // a delivery of the same bytes: one file may serve both (hard link)
}

// Store is the mail of one user. Its calls act with the rights of their caller.
type Store interface {
	// Exists tells whether a mailbox exists and can hold mail.
	Exists(ctx context.Context, mailbox string) (bool, error)
	// CheckQuota gives a mailerr.QuotaFull error when size more bytes do not fit
	// into the mailbox; size 0 asks whether the limit is reached already.
	CheckQuota(ctx context.Context, mailbox string, size int64) error
	// Prepare writes the message, invisible yet. Errors: ErrNoMailbox, ErrBadName,
	// mailerr.QuotaFull, or those of the file system, classified with mailerr.
	Prepare(ctx context.Context, m *message.Message, d Delivery) (Pending, error)
	// Mailboxes gives the names of all mailboxes.
	Mailboxes(ctx context.Context) ([]string, error)
	// Entries gives the messages that a mailbox has now, in no order.
	Entries(ctx context.Context, mailbox string) iter.Seq2[Entry, error]
	// Open opens a stored message, ErrNoMessage when it is gone. The message is
	// usable until it is closed; then it needs no rights any more.
	Open(ctx context.Context, e Entry) (*message.Message, io.Closer, error)
	// Edit calls f with a mailbox locked against changes of its messages by
	// others. When it returns without an error what f did is on disk to stay.
	Edit(ctx context.Context, mailbox string, f func(Editor) error) error
}

// Editor changes stored messages of one mailbox. It finds a message also where
// its flags have changed since the Entry was made.
type Editor interface {
	// Expunge removes a message for good. One that is gone already is no error.
	Expunge(e Entry) error
	// SetFlags changes the flags of a message from those of its Entry to flags. What
	// others have set or taken away since stays so. ErrNoMessage when it is gone.
	SetFlags(e Entry, flags []string) error
}

// Pending is a message between Prepare and its end.
type Pending interface {
	// Unsynced gives what has to be flushed now: the message's file after
	// Prepare (none when a shared one is listed elsewhere), the directory after Publish.
	Unsynced() []fsx.File
	// Publish makes the message visible. After an error it is not.
	Publish() error
	// Abort takes the message back, published or not.
	Abort() error
	// Close frees what is open; the message stays as it is.
	Close() error
}

// Entry is one stored message.
type Entry struct {
	Mailbox  string
	UID      uint32 // 0 where the store has not given one yet
	GUID     string
	Path     string // file
	Size     int64  // bytes as stored
	VSize    int64  // bytes with CRLF line ends; 0 when the name does not tell
	Flags    []string
	Received time.Time
}
