package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"dovetail/expire/query"
)

// Bounds of what one command is about: what is fetched stays small, and the line within
// what servers take (RFC 2683 section 3.2.1.5). To a server with a Maildir each removal costs
// a look through the directory, so they are not smaller.
const (
	maxAtOnce = 4000 // messages
	maxSet    = 7500 // bytes of the set of their UIDs
	// maxFound bounds the messages of an answer, which can be a short one.
	maxFound = 1 << 25
)

// parts cuts messages into those that one command is about.
func (a *Account) parts(uids []imap.UID) (all [][]imap.UID) {
	for len(uids) > 0 {
		n := min(len(uids), a.atOnce)
		for n > 1 && len(imap.UIDSetNum(uids[:n]...).String()) > maxSet {
			n /= 2
		}
		all = append(all, uids[:n])
		uids = uids[n:]
	}
	return all
}

// Message is one that a query matches.
type Message struct {
	Mailbox string
	UID     uint32
	// What follows is there where it was asked for.
	Size     int64
	Received time.Time
	Flags    []string
}

// box is a mailbox that is open.
type box struct {
	account  *Account
	mailbox  string
	writer   writer
	validity uint32
	modSeq   uint64 // the highest when it was opened; 0 without CONDSTORE
}

// open opens a mailbox.
func (a *Account) open(mailbox string, q *query.Query, readOnly bool) (*box, error) {
	data, err := a.client.Select(mailbox, &imap.SelectOptions{ReadOnly: readOnly, CondStore: a.has(imap.CapCondStore)}).Wait()
	if err != nil {
		return nil, a.failed("opening it", err)
	}
	return &box{
		account: a, mailbox: mailbox, validity: data.UIDValidity, modSeq: data.HighestModSeq,
		writer: writer{mailbox: mailbox, separator: a.separator, zone: q.Zone, has: a.has},
	}, nil
}

// Search gives the messages of a mailbox that match, in the order of their UIDs, with
// details where they are wanted. An error of found ends it.
func (a *Account) Search(ctx context.Context, mailbox string, q *query.Query, details bool, found func(Message) error) error {
	b, err := a.open(mailbox, q, true)
	if err != nil {
		return err
	}
	uids, err := b.choose(q, nil)
	if err != nil {
		return err
	}
	for _, part := range a.parts(uids) {
		if err := ctx.Err(); err != nil {
			return err
		}
		messages, err := b.describe(part, details)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := found(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// choose gives the messages that match, of some, or of all where uids is nil.
func (b *box) choose(q *query.Query, uids []imap.UID) ([]imap.UID, error) {
	within := ""
	if uids != nil {
		within = "UID " + imap.UIDSetNum(uids...).String() + " "
	}
	keys, err := b.writer.keys(q.Root, exact(q.Root))
	if err != nil {
		return nil, err
	}
	found, err := b.search(within + keys)
	if err != nil {
		return nil, err
	}
	if !exact(q.Root) {
		if found, err = b.addDoubtful(q, within, found); err != nil {
			return nil, err
		}
	}
	if q.OldestOnly && uids == nil {
		return b.untilOther(found)
	}
	return found, nil
}

// addDoubtful adds to the messages that match for sure those that turn out to.
func (b *box) addDoubtful(q *query.Query, within string, sure []imap.UID) ([]imap.UID, error) {
	keys, err := b.writer.keys(q.Root, true)
	if err != nil {
		return nil, err
	}
	maybe, err := b.search(within + keys)
	if err != nil {
		return nil, err
	}
	doubtful := slices.DeleteFunc(maybe, func(uid imap.UID) bool {
		_, ok := slices.BinarySearch(sure, uid)
		return ok
	})
	for _, part := range b.account.parts(doubtful) {
		found, err := b.judge(q, part)
		if err != nil {
			return nil, err
		}
		sure = append(sure, found...)
	}
	slices.Sort(sure)
	return sure, nil
}

// untilOther gives the messages before the first one that is none of them.
func (b *box) untilOther(found []imap.UID) ([]imap.UID, error) {
	all, err := b.search(everything)
	if err != nil {
		return nil, err
	}
	n := 0
	for n < len(found) && n < len(all) && found[n] == all[n] {
		n++
	}
	return found[:n], nil
}

// search asks the server, and gives the UIDs in their order.
func (b *box) search(keys string) ([]imap.UID, error) {
	for i := range len(keys) {
		if keys[i] >= 0x80 {
			keys = "CHARSET UTF-8 " + keys
			break
		}
	}
	a := b.account
	a.conn.next(keys)
	data, err := a.client.UIDSearch(&imap.SearchCriteria{Flag: []imap.Flag{placeholder}}, &imap.SearchOptions{ReturnAll: a.has(imap.CapESearch)}).Wait()
	if err != nil {
		return nil, a.failed("searching", err)
	}
	if !a.conn.put() {
		return nil, errors.New("searching: the server was asked something else")
	}
	set, ok := data.All.(imap.UIDSet)
	if data.All == nil || ok && len(set) == 0 {
		return nil, nil
	}
	if n := count(set); n > maxFound {
		return nil, fmt.Errorf("searching: the server has found %d messages, and %d are the bound", n, maxFound)
	}
	uids, known := set.Nums()
	if !ok || !known {
		return nil, fmt.Errorf("searching: the server answered %v", data.All)
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// count gives how many numbers are in a set.
func count(set imap.UIDSet) (n uint64) {
	for _, r := range set {
		if r.Start <= r.Stop {
			n += uint64(r.Stop-r.Start) + 1
		}
	}
	return n
}

// whichOf gives those of some messages that match keys.
func (b *box) whichOf(uids []imap.UID, keys string) (map[imap.UID]bool, error) {
	found, err := b.search("UID " + imap.UIDSetNum(uids...).String() + " " + keys)
	set := make(map[imap.UID]bool, len(found))
	for _, uid := range found {
		set[uid] = true
	}
	return set, err
}

// describe gives messages, without those that are gone where details are wanted.
func (b *box) describe(uids []imap.UID, details bool) ([]Message, error) {
	var all []Message
	if !details {
		for _, uid := range uids {
			all = append(all, Message{Mailbox: b.mailbox, UID: uint32(uid)})
		}
		return all, nil
	}
	fetched, err := b.account.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, RFC822Size: true,
	}).Collect()
	if err != nil {
		return nil, b.account.failed("fetching sizes and dates", err)
	}
	for _, f := range fetched {
		m := Message{Mailbox: b.mailbox, UID: uint32(f.UID), Size: f.RFC822Size, Received: f.InternalDate}
		for _, flag := range f.Flags {
			if flag != `\Recent` {
				m.Flags = append(m.Flags, string(flag))
			}
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(x, y Message) int { return int(x.UID) - int(y.UID) })
	return all, nil
}
