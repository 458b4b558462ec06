package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/emersion/go-imap/v2"

	"dovetail/expire/query"
)

// ErrNoUIDPlus says that a server cannot remove chosen messages alone.
var ErrNoUIDPlus = errors.New("the server has no UIDPLUS: with EXPUNGE alone the messages that others have marked for deletion would go too")

// Expunge removes the messages of a mailbox that match. Done is told of each that is
// gone, with details where they are wanted. One that somebody changed meanwhile stays.
// The query must name mailboxes: see query.Query.RequireMailbox.
func (a *Account) Expunge(ctx context.Context, mailbox string, q *query.Query, details bool, done func(Message)) error {
	if !a.has(imap.CapUIDPlus) {
		return ErrNoUIDPlus
	}
	seen, err := a.open(mailbox, q, true) // as a client that changes nothing, also not what is RECENT
	if err != nil {
		return err
	}
	uids, err := seen.choose(q, nil)
	if err != nil || len(uids) == 0 {
		return err
	}
	b, err := a.open(mailbox, q, false)
	if err != nil {
		return err
	}
	if b.validity != seen.validity {
		return fmt.Errorf("it was made anew meanwhile")
	}
	b.modSeq = seen.modSeq
	// From the end, so that the numbers of those before stay.
	for _, part := range slices.Backward(a.parts(uids)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.remove(q, part, details, done); err != nil {
			return err
		}
	}
	return nil
}

// remove removes those of some messages that are still as they were.
func (b *box) remove(q *query.Query, uids []imap.UID, details bool, done func(Message)) error {
	uids, err := b.unchanged(q, uids)
	if err != nil || len(uids) == 0 {
		return err
	}
	messages, err := b.describe(uids, details)
	if err != nil {
		return err
	}
	set, client := imap.UIDSetNum(uids...), b.account.client
	mark := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	err = client.Store(set, mark, &imap.StoreOptions{UnchangedSince: b.modSeq}).Close()
	if err == nil {
		err = client.UIDExpunge(set).Close()
	}
	if err != nil {
		err = b.account.failed("removing messages", err)
		return fmt.Errorf("%w; %d messages may be left marked for deletion", err, len(uids))
	}
	left, err := b.whichOf(uids, everything)
	if err != nil {
		return fmt.Errorf("%w; it is not known which of %d messages are gone", err, len(uids))
	}
	for _, m := range messages {
		if !left[imap.UID(m.UID)] {
			done(m)
		}
	}
	return nil
}

// unchanged gives those of some messages that nobody has changed since they were chosen.
func (b *box) unchanged(q *query.Query, uids []imap.UID) ([]imap.UID, error) {
	if b.modSeq == 0 {
		return b.choose(q, uids)
	}
	changed, err := b.whichOf(uids, "MODSEQ "+strconv.FormatUint(b.modSeq+1, 10))
	return slices.DeleteFunc(slices.Clone(uids), func(uid imap.UID) bool { return changed[uid] }), err
}
