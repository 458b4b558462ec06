package expire

import (
	"context"
	"errors"

	"dovetail/expire/query"
	"dovetail/internal/mailstore"
	"dovetail/maildir"
)

// Expunge removes the messages of a mailbox that match. Done is told of each that is
// gone. One that somebody changed, moved or removed since it was looked at stays, and
// done is not told. A mailbox that vanishes is no error. The query must name mailboxes: see query.Query.RequireMailbox.
func (u *User) Expunge(ctx context.Context, mailbox string, done func(Match)) error {
	expunge := u.expungeParts
	if u.Query.HasNumbers() {
		expunge = u.expungeNumbers
	}
	err := expunge(ctx, mailbox, done)
	if errors.Is(err, mailstore.ErrNoMailbox) {
		return nil
	}
	return err
}

// expungeParts is Expunge of the messages in the order of their UIDs, part by part.
func (u *User) expungeParts(ctx context.Context, mailbox string, done func(Match)) error {
	remover := u.Store.Remover(mailbox)
	remover.Act = u.Act
	chosen := make([]Match, 0, maildir.RemoveAtOnce)
	remove := func() error {
		err := remover.Remove(ctx, Removals(chosen, u.Query.HasClock(query.Saved)), func(i int) { done(chosen[i]) })
		chosen = chosen[:0]
		return err
	}
	err := u.choose(ctx, mailbox, func(m Match) error {
		if chosen = append(chosen, m); len(chosen) < maildir.RemoveAtOnce {
			return nil
		}
		return remove()
	})
	if err == nil {
		err = remove()
	}
	return errors.Join(err, remover.Close())
}

// expungeNumbers is Expunge with a query for numbers, which others can change: all is
// chosen and removed with one lock.
func (u *User) expungeNumbers(ctx context.Context, mailbox string, done func(Match)) error {
	var chosen []Match
	choose := func() ([]maildir.Removal, error) {
		err := u.choose(ctx, mailbox, func(m Match) error {
			chosen = append(chosen, m)
			return nil
		})
		return Removals(chosen, u.Query.HasClock(query.Saved)), err
	}
	return u.Store.RemoveChosen(ctx, mailbox, choose, func(i int) { done(chosen[i]) })
}

// choose gives what is to be removed, with its size.
func (u *User) choose(ctx context.Context, mailbox string, give func(Match) error) error {
	return u.Search(ctx, mailbox, func(m Match) error {
		before := m.Renamed()
		size, err := m.Bytes()
		switch {
		case m.Renamed() != before: // it has other flags now
		case err == nil:
			m.bytes = size
			return give(m)
		case !gone(err):
			u.fail(mailbox, err)
		}
		return nil
	})
}

// Removals gives messages as maildir.Store removes them: only by the names by which they
// were chosen, and where saved only with the saved date by which they were.
func Removals(chosen []Match, saved bool) []maildir.Removal {
	all := make([]maildir.Removal, len(chosen))
	for i, m := range chosen {
		all[i] = maildir.Removal{Path: m.Path(), Size: m.bytes}
		if saved && m.Status != nil {
			all[i].Check = func() (bool, error) { return unchanged(m) }
		}
	}
	return all
}

// unchanged tells whether a message's inode is as it was: a flag that was set and
// taken away again leaves the name, and makes the message a newly saved one.
func unchanged(m Match) (bool, error) {
	st, err := m.Found.Stat()
	if gone(err) {
		return false, nil
	}
	return st.Saved.Equal(m.Status.Saved), err
}
