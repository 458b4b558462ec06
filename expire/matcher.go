package expire

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dovetail/expire/query"
	"dovetail/maildir"
)

// stage is what has to be read for a test.
type stage int

const (
	byName stage = iota
	byInode
	byHeader
	byBody
	stages
)

// test is a part of a query, made ready for one mailbox.
type test struct {
	first stage // before which it knows nothing
	run   func(s *subject, upTo stage) (query.Verdict, error)
}

// leaf makes a test that needs one stage.
func leaf(at stage, f func(s *subject) (bool, error)) test {
	return test{at, func(s *subject, upTo stage) (query.Verdict, error) {
		if upTo < at {
			return query.Unknown, nil
		}
		ok, err := f(s)
		return query.VerdictOf(ok), err
	}}
}

// fixed makes a test of a mailbox's own.
func fixed(b bool) test {
	return test{byName, func(*subject, stage) (query.Verdict, error) { return query.VerdictOf(b), nil }}
}

// matcher is a query, made ready for one mailbox.
type matcher struct {
	root  test
	query *query.Query
	scan  *maildir.Scan
	sep   string
}

func newMatcher(q *query.Query, scan *maildir.Scan, separator string) *matcher {
	m := &matcher{query: q, scan: scan, sep: separator}
	m.root = m.compile(q.Root)
	return m
}

// maxRenames bounds how often a message is asked about that gets other flags meanwhile.
const maxRenames = 10

// matches asks about a message as it is under one name, which it has at the end too. Stat
// says that its status is wanted if it does: looking at it can bring out another name.
func (m *matcher) matches(s *subject, stat bool) (bool, error) {
	for range maxRenames {
		before := s.Renamed()
		ok, err := m.ask(s)
		if ok && stat {
			_, err = s.stat()
		}
		if err != nil || s.Renamed() == before {
			return ok, err
		}
	}
	return false, renamed(s.Path())
}

// ask asks the cheapest questions first.
func (m *matcher) ask(s *subject) (bool, error) {
	for at := m.root.first; at < stages; at++ {
		v, err := m.root.run(s, at)
		if err != nil || v != query.Unknown {
			return v == query.Yes && err == nil, err
		}
	}
	return false, nil
}

func (m *matcher) compile(n query.Node) test {
	switch n := n.(type) {
	case query.And:
		return m.all(n.Parts, query.No)
	case query.Or:
		return m.all(n.Parts, query.Yes)
	case query.Not:
		part := m.compile(n.Part)
		return test{part.first, func(s *subject, upTo stage) (query.Verdict, error) {
			v, err := part.run(s, upTo)
			return v.Not(), err
		}}
	case query.Mailbox:
		return fixed(n.Matches(m.scan.Mailbox, m.sep))
	case query.MailboxID:
		return fixed(m.scan.ID == n.ID && n.ID != "")
	case query.Flag:
		return flagTest(n)
	case query.Keyword:
		letter, ok := m.scan.Letter(n.Name)
		return leaf(byName, func(s *subject) (bool, error) { return ok && s.Has(letter), nil })
	case query.Sequence:
		return leaf(byName, func(s *subject) (bool, error) {
			return n.Set.Has(s.Seq) || n.Set.HasStar() && s.Seq == s.last, nil
		})
	case query.UID:
		return leaf(byName, func(s *subject) (bool, error) { return n.Set.Has(s.UID), nil })
	case query.GUID:
		return leaf(byName, func(s *subject) (bool, error) { return s.GUID() == n.ID, nil })
	case query.Date:
		return m.date(n)
	case query.Size:
		return sizeTest(n)
	case query.Header:
		return headerTest(n)
	case query.All:
		return fixed(true)
	case query.MIMEPart:
		return leaf(byBody, func(s *subject) (bool, error) { return s.hasPart(n.Test) })
	case query.InThread:
		return m.thread(n)
	case query.Text:
		text := newNeedle(n.Text)
		if len(text) == 0 {
			return fixed(true)
		}
		return leaf(byBody, func(s *subject) (bool, error) { return s.hasText(text, !n.BodyOnly) })
	}
	// Others are for IMAP servers: see query.Options.
	return leaf(byName, func(*subject) (bool, error) { return false, fmt.Errorf("%T cannot be judged in a Maildir", n) })
}

// all makes a test of several: one part that is decisive decides, the cheap ones are
// asked first.
func (m *matcher) all(parts []query.Node, decisive query.Verdict) test {
	tests := make([]test, len(parts))
	for i, part := range parts {
		tests[i] = m.compile(part)
	}
	slices.SortStableFunc(tests, func(a, b test) int { return cmp.Compare(a.first, b.first) })
	return test{tests[0].first, func(s *subject, upTo stage) (query.Verdict, error) {
		open := false
		for _, t := range tests {
			if t.first > upTo {
				open = true
				break
			}
			v, err := t.run(s, upTo)
			if v == decisive || err != nil {
				return v, err
			}
			open = open || v == query.Unknown
		}
		if open {
			return query.Unknown, nil
		}
		return decisive.Not(), nil
	}}
}

// flagLetters are the letters of Maildir for the system flags.
var flagLetters = map[string]byte{`\Draft`: 'D', `\Flagged`: 'F', `\Answered`: 'R', `\Seen`: 'S', `\Deleted`: 'T'}

func flagTest(n query.Flag) test {
	letter, ok := flagLetters[n.Name]
	if !ok { // \Recent
		return leaf(byName, func(s *subject) (bool, error) { return s.Recent, nil })
	}
	return leaf(byName, func(s *subject) (bool, error) { return s.Has(letter), nil })
}

func (m *matcher) date(n query.Date) test {
	if n.Clock == query.Sent {
		return leaf(byHeader, func(s *subject) (bool, error) {
			dates, err := s.fields("Date")
			if err != nil {
				return false, err
			}
			return n.Matches(sentAt(dates)), nil
		})
	}
	first := byInode
	if n.Clock == query.FirstSeen {
		first = byName
	}
	return leaf(first, func(s *subject) (bool, error) {
		t, err := s.at(n.Clock)
		at, offset := t.Unix(), 0
		if n.Floating {
			offset = query.Offset(at, m.query.Zone)
		}
		return n.Matches(at, offset), err
	})
}

// sizeTest is cheap for the messages whose names tell the size, which are most; for
// others all is read.
func sizeTest(n query.Size) test {
	return test{byName, func(s *subject, upTo stage) (query.Verdict, error) {
		if _, ok := s.VSize(); !ok && upTo < byBody {
			return query.Unknown, nil
		}
		size, err := s.vsize()
		return query.VerdictOf(size > n.Bytes && n.Larger || size < n.Bytes && !n.Larger), err
	}}
}

func headerTest(n query.Header) test {
	form := asItIs
	switch {
	case n.Addresses:
		form = normalAddresses
	case n.Folded:
		form = oneSpace
	}
	text := newNeedle(n.Text)
	field := strings.TrimSpace(n.Field)
	return leaf(byHeader, func(s *subject) (bool, error) { return s.hasHeader(field, text, form) })
}
