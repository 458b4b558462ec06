package query

import "time"

// Node is a part of a query: one of the types below.
type Node interface{ words(w *printer) }

// And matches when all of its parts do, Or when one does.
type (
	And struct{ Parts []Node }
	Or  struct{ Parts []Node }
)

// Not matches when its part does not.
type Not struct{ Part Node }

// All matches every message.
type All struct{}

// Flag matches messages with a system flag: \Seen, or \Recent for what no IMAP
// client has seen yet.
type Flag struct{ Name string }

// Keyword matches messages with a keyword, in any case of letters.
type Keyword struct{ Name string }

// Sequence matches by the place in the mailbox, in the order of UIDs.
type Sequence struct{ Set Set }

// UID matches by UID. A * in its set is no message, as in doveadm.
type UID struct{ Set Set }

// Clock is one of the times that a message has.
type Clock string

// The times of a message.
const (
	Received Clock = ""      // INTERNALDATE, a file's mtime
	Sent     Clock = "SENT"  // its Date field
	Saved    Clock = "SAVED" // when it came into its mailbox, a file's ctime
	// FirstSeen is when somebody first saw it in its mailbox. It has no keys of its
	// own: see Options.Clock.
	FirstSeen Clock = "FIRSTSEEN"
)

// Relation compares a message's time with one of a query.
type Relation string

// The relations.
const (
	Before Relation = "BEFORE"
	On     Relation = "ON" // at or after it, by less than a day
	Since  Relation = "SINCE"
)

// Date matches messages by a time.
type Date struct {
	Clock    Clock
	Relation Relation
	// At is in seconds since 1970. Where Floating, it is a time on the wall's clock
	// as if that were UTC, and compared with the wall's clock at the message's time:
	// in the query's zone, or for Sent in the zone of the Date field.
	At       int64
	Floating bool
}

const day = 24 * 60 * 60

// Matches tells whether a time matches, given as seconds since 1970 and the offset
// of its zone from UTC in seconds.
func (d Date) Matches(at int64, offset int) bool {
	if d.Floating {
		at += int64(offset)
	}
	switch d.Relation {
	case Before:
		return at < d.At
	case On:
		return at >= d.At && at < d.At+day
	}
	return at >= d.At
}

// Offset gives the offset of a zone at a time.
func Offset(at int64, zone *time.Location) int {
	_, offset := time.Unix(at, 0).In(zone).Zone()
	return offset
}

// Size matches messages of more bytes, or fewer where not Larger; line ends are two bytes.
type Size struct {
	Larger bool
	Bytes  int64
}

// Header matches messages with a field that holds a text; one without a text those
// that have the field. Addresses says that the field is compared as a list of
// addresses in their normal form, Folded that white space counts as one space.
type Header struct {
	Field, Text       string
	Addresses, Folded bool
}

// Text matches messages that hold a text in the content of a part, or where not
// BodyOnly also in a header.
type Text struct {
	Text     string
	BodyOnly bool
}

// Threading is a way to put messages into threads (RFC 5256 section 3).
type Threading string

// The ways. Refs is References without the step that joins threads of one subject.
const (
	Refs           Threading = "REFS"
	References     Threading = "REFERENCES"
	OrderedSubject Threading = "ORDEREDSUBJECT"
)

// InThread matches the messages that are in one thread with a message that Part matches.
type InThread struct {
	Algorithm Threading
	Part      Node
}

// ModSeq matches messages that were changed since, by the numbers that an IMAP server
// gives to changes (RFC 7162 section 3.1.5). Entry and Type narrow it to one flag; they
// may be "".
type ModSeq struct {
	Least       uint64
	Entry, Type string
}

// GUID matches the message with an id.
type GUID struct{ ID string }

// Mailbox matches the messages of a mailbox, or of all whose name matches the pattern Name.
type Mailbox struct {
	Name    string
	Pattern bool
}

// MailboxID matches the messages of the mailbox with an id.
type MailboxID struct{ ID string }
