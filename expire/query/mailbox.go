package query

import (
	"fmt"
	"strings"
)

// inbox is the one name that has no case of letters.
const inbox = "INBOX"

// Matches tells whether a mailbox is meant. Separator is that of its namespace.
func (m Mailbox) Matches(name, separator string) bool {
	if !m.Pattern {
		return m.Name == name || name == inbox && strings.EqualFold(m.Name, inbox)
	}
	folds := 0 // bytes of the name whose case does not count
	if name == inbox || strings.HasPrefix(name, inbox+separator) {
		folds = len(inbox)
	}
	return glob(m.Name, name, separator, folds)
}

// glob matches a pattern of LIST (RFC 9051 section 6.3.9): * stands for any text,
// % for one without the separator. It needs no more than len(pattern) * len(name) steps.
func glob(pattern, name, separator string, folds int) bool {
	// reach[i] tells whether the pattern up to here matches name[:i].
	reach := make([]bool, len(name)+1)
	reach[0] = true
	for _, c := range []byte(pattern) {
		if c == '*' || c == '%' {
			for i := 1; i <= len(name); i++ {
				if reach[i-1] && (c == '*' || name[i-1:i] != separator) {
					reach[i] = true
				}
			}
			continue
		}
		for i := len(name); i > 0; i-- {
			reach[i] = reach[i-1] && sameByte(c, name[i-1], i <= folds)
		}
		reach[0] = false
	}
	return reach[len(name)]
}

func sameByte(a, b byte, fold bool) bool {
	return a == b || fold && a|0x20 == b|0x20 && a|0x20 >= 'a' && a|0x20 <= 'z'
}

// Patterns gives the mailboxes that are looked into, none for all of them. As in
// doveadm that are those that the query names outside of ORs; brackets with NOT before
// them are no others, and with a NOT MAILBOX it is all.
func (q *Query) Patterns() []Mailbox {
	var found []Mailbox
	var walk func(n Node) bool
	walk = func(n Node) bool {
		not := false
		for {
			inner, ok := n.(Not)
			if !ok {
				break
			}
			n, not = inner.Part, !not
		}
		switch n := n.(type) {
		case And:
			for _, part := range n.Parts {
				if !walk(part) {
					return false
				}
			}
		case Mailbox:
			found = append(found, n)
			return !not
		}
		return true
	}
	if !walk(q.Root) {
		return nil
	}
	return found
}

// RequireMailbox gives an error unless each branch of the query names a mailbox and
// something else, as doveadm demands before it deletes anything.
func (q *Query) RequireMailbox() error {
	top := topLevel(q.Root)
	if !namesMailbox(top) {
		return fmt.Errorf("to avoid accidents the query must have MAILBOX in each of its branches")
	}
	if !namesMore(top) {
		return fmt.Errorf("to avoid accidents each branch of the query must have something beside MAILBOX; add ALL if you mean everything")
	}
	return nil
}

// topLevel gives what doveadm's check begins with: a level of ANDs without its brackets.
func topLevel(n Node) []Node {
	if and, ok := n.(And); ok {
		return and.Parts
	}
	return []Node{n}
}

// bare takes NOTs away, which the check does not look at.
func bare(n Node) Node {
	for {
		not, ok := n.(Not)
		if !ok {
			return n
		}
		n = not.Part
	}
}

func isMailbox(n Node) bool {
	switch n.(type) {
	case Mailbox, MailboxID:
		return true
	}
	return false
}

// namesMailbox tells whether one of the parts of an AND decides about the mailbox,
// or all of its ORs do.
func namesMailbox(parts []Node) bool {
	ors := 0
	for _, part := range parts {
		switch n := bare(part).(type) {
		case Mailbox, MailboxID:
			return true
		case And:
			if namesMailbox(n.Parts) {
				return true
			}
		case Or:
			ors++
		}
	}
	for _, part := range parts {
		if or, ok := bare(part).(Or); ok && !eachNamesMailbox(or.Parts) {
			return false
		}
	}
	return ors > 0
}

func eachNamesMailbox(branches []Node) bool {
	for _, branch := range branches {
		n := bare(branch)
		and, isAnd := n.(And)
		or, isOr := n.(Or)
		switch {
		case isMailbox(n), isAnd && namesMailbox(and.Parts), isOr && eachNamesMailbox(or.Parts):
		default:
			return false
		}
	}
	return true
}

// namesMore tells whether one of the parts of an AND is something beside a mailbox.
func namesMore(parts []Node) bool {
	for _, part := range parts {
		switch n := bare(part).(type) {
		case Mailbox, MailboxID:
		case Or:
			if eachNamesMore(n.Parts) {
				return true
			}
		case And:
			if namesMore(n.Parts) {
				return true
			}
		default:
			return true
		}
	}
	return false
}

func eachNamesMore(branches []Node) bool {
	for _, branch := range branches {
		n := bare(branch)
		and, isAnd := n.(And)
		or, isOr := n.(Or)
		if isMailbox(n) || isAnd && !namesMore(and.Parts) || isOr && !eachNamesMore(or.Parts) {
			return false
		}
	}
	return true
}
