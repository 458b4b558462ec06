package query

import (
	"fmt"
	"strings"
)

// emptyParts tells of the parts of a query that no message can match.
func emptyParts(root Node) []string {
	if why := emptiness(root); why != "" {
		return []string{"the query matches nothing: " + why}
	}
	var found []string
	var walk func(n Node)
	walk = func(n Node) {
		switch n := n.(type) {
		case And:
			for _, part := range n.Parts {
				walk(part)
			}
		case Or:
			for _, part := range n.Parts {
				if why := emptiness(part); why != "" {
					found = append(found, "a branch matches nothing: "+why)
					continue
				}
				walk(part)
			}
		}
	}
	walk(root)
	return found
}

// emptiness says why no message can match, "" where one can, as far as that is plain.
func emptiness(n Node) string {
	switch n := n.(type) {
	case Or:
		why := ""
		for _, part := range n.Parts {
			if why = emptiness(part); why == "" {
				return ""
			}
		}
		return why
	case And:
		parts := flatten(n, nil)
		for i, part := range parts {
			if why := emptiness(part); why != "" {
				return why
			}
			for _, other := range parts[:i] {
				if exclude(other, part) || exclude(part, other) {
					return fmt.Sprintf("%s and %s exclude each other%s", words(other), words(part), hint(other, part))
				}
			}
		}
	case Not:
		if _, ok := n.Part.(All); ok {
			return "NOT ALL"
		}
	}
	return ""
}

// flatten gives the parts of an AND with those of the ANDs in it.
func flatten(n And, parts []Node) []Node {
	for _, part := range n.Parts {
		if and, ok := part.(And); ok {
			parts = flatten(and, parts)
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

func words(n Node) string {
	w := &printer{}
	n.words(w)
	return strings.Join(w.out, " ")
}

func hint(a, b Node) string {
	if isMailbox(a) && isMailbox(b) {
		return "; write ( MAILBOX a OR MAILBOX b ) for both"
	}
	return ""
}

// exclude tells whether it is plain that no message matches both.
func exclude(a, b Node) bool {
	if not, ok := b.(Not); ok {
		return equal(a, not.Part)
	}
	switch a := a.(type) {
	case Mailbox:
		b, ok := b.(Mailbox)
		return ok && !a.Pattern && !a.both(b)
	case MailboxID:
		b, ok := b.(MailboxID)
		return ok && a != b
	case GUID:
		b, ok := b.(GUID)
		return ok && a != b
	case Date:
		b, ok := b.(Date)
		return ok && a.Clock == b.Clock && a.Floating == b.Floating && a.latest() <= b.earliest()
	case Size:
		b, ok := b.(Size)
		return ok && a.Larger && !b.Larger && a.Bytes+1 >= b.Bytes
	case UID:
		b, ok := b.(UID)
		return ok && a.Set.disjoint(b.Set)
	}
	return false
}

// both tells whether a mailbox can be that of a name and match another.
func (m Mailbox) both(other Mailbox) bool {
	name := m.Name
	if strings.EqualFold(name, inbox) {
		name = inbox
	}
	if other.Pattern { // the separator is not known here
		return other.Matches(name, "/") || other.Matches(name, ".")
	}
	return other.Matches(name, "") || name == other.Name
}

// latest is the time from which on nothing matches, earliest the one from which on something does.
func (d Date) latest() int64 {
	switch d.Relation {
	case Before:
		return d.At
	case On:
		return d.At + day
	}
	return 1<<63 - 1
}

func (d Date) earliest() int64 {
	if d.Relation == Before {
		return -1 << 63
	}
	return d.At
}

// equal tells whether two simple parts are the same.
func equal(a, b Node) bool {
	switch a.(type) {
	case And, Or, Not, InThread, MIMEPart, Sequence, UID: // UID has no ==, and the others are not simple
		return false
	}
	switch b.(type) {
	case And, Or, Not, InThread, Sequence, UID:
		return false
	}
	return a == b
}
