package expire

import (
	"context"
	"errors"

	"dovetail/expire/query"
	"dovetail/internal/mailstore"
	"dovetail/maildir"
)

// User is the mail of one user, and what is asked about it. Its methods act with the
// rights of their caller.
type User struct {
	Store *maildir.Store
	Query *query.Query
	Stat  bool // each match has its Status
	// Failed is told of a message that could not be looked at. It is passed over.
	Failed func(mailbox string, err error)
	// Act calls a function with the rights that the methods are called with, in a
	// goroutine of its own; see fsx.Credentials.Do. Where it is set, large mailboxes
	// are searched by several goroutines.
	Act func(func() error) error
}

// Match is a message that a query matches.
type Match struct {
	*maildir.Found
	// Status is what the file system says of it; nil where nobody had to ask.
	Status *maildir.Status

	bytes int64 // kept for when it is gone; 0 is not known
}

// Mailboxes gives the mailboxes in which the query may match something, and those that
// it names and that are not there.
func (u *User) Mailboxes(ctx context.Context) (there, missing []string, err error) {
	all, err := u.Store.Mailboxes(ctx)
	if err != nil {
		return nil, nil, err
	}
	there, missing = u.Query.Mailboxes(all, u.Store.Separator())
	return there, missing, nil
}

// Search gives the messages of a mailbox that match, in the order of their UIDs. A
// mailbox that vanished has none. An error of found ends it.
func (u *User) Search(ctx context.Context, mailbox string, found func(Match) error) error {
	scan, err := u.Store.Scan(ctx, mailbox)
	if errors.Is(err, mailstore.ErrNoMailbox) {
		return nil
	}
	if err != nil {
		return err
	}
	s := &searcher{user: u, scan: scan, matcher: newMatcher(u.Query, scan, u.Store.Separator())}
	return s.run(ctx, func(all []finding) error {
		for _, f := range all {
			if f.err != nil {
				u.fail(mailbox, f.err)
			} else if err := found(f.Match); err != nil {
				return err
			}
		}
		return nil
	})
}

func (u *User) fail(mailbox string, err error) {
	if u.Failed != nil {
		u.Failed(mailbox, err)
	}
}

// Bytes gives the size as stored.
func (m *Match) Bytes() (int64, error) {
	if m.bytes > 0 {
		return m.bytes, nil
	}
	if n, ok := m.Size(); ok {
		return n, nil
	}
	st, err := m.Stat()
	return st.Size, err
}

// Stat gives what the file system says of the message.
func (m *Match) Stat() (maildir.Status, error) {
	if m.Status != nil {
		return *m.Status, nil
	}
	return m.Found.Stat()
}
