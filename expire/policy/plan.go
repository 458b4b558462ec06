package policy

import (
	"cmp"
	"slices"
	"time"

	"dovetail/expire"
)

// Plan is what the rules do with the mail of a user. It is carried out once.
type Plan struct {
	User    *User
	OptOut  bool // the user keeps all from some rule
	Folders []*Folder
	Errors  []error // that are no mailbox's

	Subscribe bool // to folders that are made
}

// Folder is the plan of a mailbox.
type Folder struct {
	Mailbox string
	Total   Amount    // of the mailbox
	Before  Histogram // zero where nobody asked for it
	Choices []*Choice // of each rule about it, in their order
	Errors  []error   // of the mailbox, and of the first messages that failed

	failures expire.Failures // of messages
	stamped  string          // its id in Stamps; "" where nobody asked
}

// fail notes what is wrong with a message.
func (f *Folder) fail(err error) {
	if f.failures.Add(err) {
		f.Errors = append(f.Errors, err)
	}
}

// Problems are the Errors, and one for the messages that they do not tell of.
func (f *Folder) Problems() []error {
	if rest := f.failures.Rest(); rest != nil {
		return append(slices.Clip(f.Errors), rest)
	}
	return f.Errors
}

// Choice is what a rule does in a mailbox.
type Choice struct {
	Rule   *Rule
	Chosen []Chosen
	Kept   int // that match, and stay because of a limit
}

// Chosen is a message that a rule decides on.
type Chosen struct {
	expire.Match
	Size int64
	At   time.Time     // by the rule's clock
	Age  time.Duration // since it was received; 0 where nobody asked
}

// limit takes out of each choice what the rule's limits keep. What a rule keeps is no
// other one's.
func (f *Folder) limit() {
	left := f.Total
	for _, c := range f.Choices {
		if c.Rule.AtLeast.Set() || c.Rule.AtMost.Set() {
			slices.SortStableFunc(c.Chosen, func(a, b Chosen) int { return a.At.Compare(b.At) })
		}
		n := c.Rule.allows(left, c.Chosen)
		c.Kept = len(c.Chosen) - n
		c.Chosen = c.Chosen[:n]
		for _, m := range c.Chosen {
			left.Messages--
			left.Bytes -= m.Size
		}
		slices.SortFunc(c.Chosen, func(a, b Chosen) int { return cmp.Compare(a.Seq, b.Seq) })
	}
}

// allows gives how many of the messages may go, in their order, from a mailbox.
func (r *Rule) allows(left Amount, oldestFirst []Chosen) int {
	for i, m := range oldestFirst {
		if r.AtMost.Set() && !r.AtMost.exceeded(left) {
			return i
		}
		left.Messages--
		left.Bytes -= m.Size
		if r.AtLeast.Set() && !r.AtLeast.reached(left) {
			return i
		}
	}
	return len(oldestFirst)
}

// exceeded tells whether there is more than the limit, reached whether there is as much.
func (l Limit) exceeded(a Amount) bool {
	return l.Messages > 0 && a.Messages > l.Messages || l.Bytes > 0 && a.Bytes > l.Bytes
}

func (l Limit) reached(a Amount) bool {
	return a.Messages >= l.Messages && a.Bytes >= l.Bytes
}

// leaves takes a message out of a histogram of the folder, if it has one.
func (f *Folder) leaves(h *Histogram, m Chosen) {
	if f.Before != (Histogram{}) {
		h.remove(m.Age, m.Size)
	}
}
