package learn

import (
	"context"

	"dovetail/internal/message"
)

// Backend is a classifier that learns. It is safe for concurrent use; no two calls
// at once are for the same user.
type Backend interface {
	// Name is the one that the configuration and the ledger have for it.
	Name() string
	// Learn teaches the items for the user, in their order, and gives a Result for
	// each. One that could not be tried, since an earlier one showed that the back
	// end is down, has that error. Learn keeps to the deadline of ctx.
	Learn(ctx context.Context, user string, items []Item) []Result
}

// Item is one message to be learned.
type Item struct {
	Hash    Hash
	Message *message.Message
	Class   Class
	Prior   Class // what the back end has learned it as before, which Class is to replace
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

// Settler is a back end that may teach a message twice, since it does not know what
// it was taught. What it says before it is taught is kept with the intent; after a
// crash, or an error, that says whether the lesson had arrived. It refuses nothing:
// each item that it learns changes its state.
type Settler interface {
	Backend
	// Mark describes the back end's present state for the user, before Learn.
	Mark(ctx context.Context, user string) (string, error)
	// Settle tells how many of the items, which were about to be taught by one Learn
	// when the state was mark, have been. Items are taught in order, so it is the
	// first ones. They have no Message here.
	Settle(ctx context.Context, user, mark string, items []Item) (done int, err error)
}
