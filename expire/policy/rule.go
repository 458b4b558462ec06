package policy

import (
	"slices"
	"strings"

	"dovetail/expire/query"
	"dovetail/internal/userdb"
)

// Action is what becomes of a message.
type Action string

// The actions.
const (
	Delete   Action = "delete"
	Move     Action = "move"    // to Rule.Folder
	Archived Action = "archive" // to Rule.Archive, and then deleted
)

// Rule is one rule. The rules of a run differ in their names.
type Rule struct {
	Name      string
	Users     []string        // masks with * and ?, of which one must match
	Mailboxes []query.Mailbox // of which one must match
	// Uses are names of mailboxes with a special use that the rule is about: the case
	// of their letters does not count, nor does the namespace's prefix.
	Uses  []string
	Query *query.Query
	// Clock is the one that a message's age is told by: in Query (see
	// query.Options.Clock), and where the oldest go first.
	Clock   query.Clock
	Action  Action
	Folder  string // of Move
	Archive string // of Archived: mbox:PATH or maildir:PATH
	// AtLeast stays in each mailbox, whatever the query matches. Of what it matches
	// no more goes than is needed until AtMost is left in the mailbox. The oldest go first.
	AtLeast, AtMost Limit
	OptOut          string // a file in the home of users who want to keep all; "" for none
}

// Limit is an amount of mail. The zero value is none.
type Limit struct {
	Messages int
	Bytes    int64
}

// Set tells whether there is a limit.
func (l Limit) Set() bool { return l != Limit{} }

// IsFor tells whether a rule is about a user.
func (r *Rule) IsFor(user string) bool {
	return slices.ContainsFunc(r.Users, func(mask string) bool { return userdb.Match(mask, user) })
}

// isAbout tells whether a rule is about a mailbox. What is in the folder where a rule
// moves mail is there already.
func (r *Rule) isAbout(mailbox, separator, prefix string) bool {
	if r.Action == Move && (query.Mailbox{Name: r.Folder}).Matches(mailbox, separator) {
		return false
	}
	for _, m := range r.Mailboxes {
		if m.Matches(mailbox, separator) {
			return true
		}
	}
	for _, name := range r.Uses {
		if strings.EqualFold(strings.TrimPrefix(mailbox, prefix), strings.TrimPrefix(name, prefix)) {
			return true
		}
	}
	return false
}

// To says where the messages go, "" for nowhere.
func (r *Rule) To() string {
	switch r.Action {
	case Move:
		return r.Folder
	case Archived:
		return r.Archive
	}
	return ""
}
