package learn

import (
	"context"

	"dovetail/internal/message"
)

// Backend is a classifier that learns. It is safe for concurrent use; no two calls
// at once are for the same user. After a crash, or an error, it may be taught again
// what it has learned, and says Already then; one that cannot know that says so in its
// documentation.
type Backend interface {
	// Name is the one that the configuration and the ledger have for it.
	Name() string
	// Learn teaches the items for the user, each of another message, and gives a
	// Result for each. One that could not be tried, since an earlier one showed that the back
	// end is down, has that error. Learn keeps to the deadline of ctx.
	Learn(ctx context.Context, user string, items []Item) []Result
}

// Item is one message to be learned.
type Item struct {
	Hash    Hash
	Message *message.Message
	Class   Class
	Prior   Class // what the back end has learned it as before, which Class is to replace
	// Unsure says that it was told Prior, but not whether it has learned it: one that
	// knows its messages knows better.
	Unsure bool
}

// Result is what became of an item. An error means that the item is to be tried
// again: the back end is down, or its configuration is wrong.
type Result struct {
	Outcome Outcome
	Reason  string // what the back end said, for the log; may be empty
	Err     error
}

// Outcome says how a back end took an item.
type Outcome string

// The outcomes. All of them are final.
const (
	Learned   Outcome = "learned"
	Relearned Outcome = "relearned" // it had the other class before
	Already   Outcome = "already"   // it was known in this class
	Refused   Outcome = "refused"   // for good: too few words, a condition of the filter, too big
)
