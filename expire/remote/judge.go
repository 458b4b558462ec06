package remote

import (
	"time"

	"github.com/emersion/go-imap/v2"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/internal/message"
)

// candidate is a message of which the server cannot tell whether it matches.
type candidate struct {
	received   time.Time
	sent       int64 // seconds since 1970
	sentOffset int
}

// test is a part of a query, made ready for some candidates.
type test func(uid imap.UID, c *candidate) query.Verdict

// exact tells whether the server can judge a part of a query alone.
func exact(n query.Node) bool {
	switch n := n.(type) {
	case query.And:
		return allExact(n.Parts)
	case query.Or:
		return allExact(n.Parts)
	case query.Not:
		return exact(n.Part)
	case query.Date:
		return isExactDate(n)
	}
	return true
}

func allExact(parts []query.Node) bool {
	for _, part := range parts {
		if !exact(part) {
			return false
		}
	}
	return true
}

// judge gives those of some messages that match.
func (b *box) judge(q *query.Query, uids []imap.UID) ([]imap.UID, error) {
	t, err := b.compile(q.Root, uids)
	if err != nil {
		return nil, err
	}
	candidates, err := b.candidates(uids)
	if err != nil {
		return nil, err
	}
	var found []imap.UID
	for _, uid := range uids {
		if c := candidates[uid]; c != nil && t(uid, c) == query.Yes {
			found = append(found, uid)
		}
	}
	return found, nil
}

// compile makes a test for some messages. What the server can judge it is asked now.
func (b *box) compile(n query.Node, uids []imap.UID) (test, error) {
	if exact(n) {
		return b.asked(n, uids)
	}
	switch n := n.(type) {
	case query.And:
		return b.compileAll(n.Parts, uids, query.No)
	case query.Or:
		return b.compileAll(n.Parts, uids, query.Yes)
	case query.Not:
		part, err := b.compile(n.Part, uids)
		return func(uid imap.UID, c *candidate) query.Verdict {
			return part(uid, c).Not()
		}, err
	case query.Date:
		switch n.Clock {
		case query.Received:
			return func(_ imap.UID, c *candidate) query.Verdict {
				at := c.received.Unix()
				return query.VerdictOf(n.Matches(at, query.Offset(at, b.writer.zone)))
			}, nil
		case query.Sent:
			return func(_ imap.UID, c *candidate) query.Verdict { return query.VerdictOf(n.Matches(c.sent, c.sentOffset)) }, nil
		}
	}
	return b.bounded(n, uids)
}

func (b *box) compileAll(parts []query.Node, uids []imap.UID, decisive query.Verdict) (test, error) {
	tests := make([]test, len(parts))
	for i, part := range parts {
		var err error
		if tests[i], err = b.compile(part, uids); err != nil {
			return nil, err
		}
	}
	return func(uid imap.UID, c *candidate) query.Verdict {
		return query.Combine(tests, decisive, func(t test) query.Verdict { return t(uid, c) })
	}, nil
}

// asked makes a test of what the server says now.
func (b *box) asked(n query.Node, uids []imap.UID) (test, error) {
	found, err := b.among(n, uids, true)
	return func(uid imap.UID, _ *candidate) query.Verdict { return query.VerdictOf(found[uid]) }, err
}

// bounded makes a test of what the server knows roughly: of messages that may match and
// need not, it knows nothing.
func (b *box) bounded(n query.Node, uids []imap.UID) (test, error) {
	sure, err := b.among(n, uids, false)
	if err != nil {
		return nil, err
	}
	maybe, err := b.among(n, uids, true)
	return func(uid imap.UID, _ *candidate) query.Verdict {
		switch {
		case sure[uid]:
			return query.Yes
		case maybe[uid]:
			return query.Unknown
		}
		return query.No
	}, err
}

// among gives those of some messages that match a part of a query, or more, or fewer.
func (b *box) among(n query.Node, uids []imap.UID, more bool) (map[imap.UID]bool, error) {
	keys, err := b.writer.keys(n, more)
	if err != nil {
		return nil, err
	}
	return b.whichOf(uids, keys)
}

// candidates fetches the times of messages.
func (b *box) candidates(uids []imap.UID) (map[imap.UID]*candidate, error) {
	date := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Date"}, Peek: true}
	fetched, err := b.account.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{
		UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{date},
	}).Collect()
	if err != nil {
		return nil, b.account.failed("fetching dates", err)
	}
	all := make(map[imap.UID]*candidate, len(fetched))
	for _, m := range fetched {
		c := &candidate{received: m.InternalDate}
		c.sent, c.sentOffset = expire.SentAt(message.Parse(m.FindBodySection(date)))
		all[m.UID] = c
	}
	return all, nil
}
