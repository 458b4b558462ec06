package teach

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
)

// Pupil teaches one back end, once: what the ledger says that it knows is not
// taught again, and an intent is written before and the result after. Its fields
// are set before its first use and not changed after.
type Pupil struct {
	Backend learn.Backend
	Ledger  learn.Ledger
	// Lock keeps other processes from teaching the back end for the same user at the
	// same time, until release is called. Nil: there are no others.
	Lock    func(ctx context.Context, backend, user string) (release func(), err error)
	Timeout time.Duration // of a call of Learn; 0: none
	// Most is how many messages are in one call: a back end that is slow, since it takes one
	// after the other, has to be done with them within Timeout. 0: any number.
	Most int
}

// Item is a message to be taught.
type Item struct {
	Hash    learn.Hash
	Class   learn.Class
	At      time.Time // of the lesson
	Message *message.Message
}

// Result is what became of an item.
type Result struct {
	learn.Result
	// Asked tells that the back end was asked, so that the result says whether it works.
	Asked bool
}

// Outcomes that the back end has no part in.
const (
	Superseded learn.Outcome = "superseded" // not taught: a later lesson about the message counts
	Denied     learn.Outcome = "denied"     // not taught: whoever gave the lesson may not speak for the user
	Lost       learn.Outcome = "lost"       // not taught: it was too old before it could be
	LeftOut    learn.Outcome = "left out"   // not taught, nor queued: a rule wants it so
)

// refreshAfter is by how much the time of an entry may lag behind the last lesson
// that said the same, so that what is taught again and again is not forgotten.
const refreshAfter = 30 * 24 * time.Hour

const (
	// ledgerTime bounds what the ledger may take before the back end is asked, and after: a
	// database that hangs must not keep a worker, or the end of the program, for ever.
	ledgerTime = 30 * time.Second
	// lockTime bounds the wait for others who teach, of which one may have been stopped.
	lockTime = 5 * time.Minute
)

// Teach teaches items of one user, each of another message, in their order, and
// gives a result for each. An error in one means that the item is to be tried again.
func (p *Pupil) Teach(ctx context.Context, user string, items []Item) []Result {
	results := make([]Result, len(items))
	for from, most := 0, cmp.Or(p.Most, len(items)); from < len(items); from += most {
		to := min(from+most, len(items))
		err := p.teach(ctx, user, items[from:to], results[from:to])
		if err == nil {
			err = failed(results[from:to])
		}
		if err != nil { // nothing else will do better now
			fill(results, err)
			break
		}
	}
	return results
}

// failed gives the error of a call with which nothing was done.
func failed(results []Result) error {
	for _, r := range results {
		if r.Err == nil {
			return nil
		}
	}
	return results[0].Err
}

// fill gives an error to those that have no result.
func fill(results []Result, err error) {
	for i := range results {
		if results[i].Outcome == "" && results[i].Err == nil {
			results[i].Err = err
		}
	}
}

func (p *Pupil) teach(ctx context.Context, user string, items []Item, results []Result) error {
	if p.Lock != nil {
		release, err := p.lock(ctx, user)
		if err != nil {
			return fmt.Errorf("waiting for others who teach for %q: %w", user, err)
		}
		defer release()
	}
	b, err := p.prepare(ctx, user, items, results)
	if err != nil || len(b.items) == 0 {
		return err
	}
	p.learn(ctx, user, b, results)
	return nil
}

func (p *Pupil) lock(ctx context.Context, user string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	return p.Lock(ctx, p.Backend.Name(), user)
}

// prepare gives what is to be sent, with its intents in the ledger.
func (p *Pupil) prepare(ctx context.Context, user string, items []Item, results []Result) (*batch, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTime)
	defer cancel()
	b, err := p.sort(ctx, user, items, results)
	if err != nil {
		return nil, err
	}
	for i := range b.entries {
		b.entries[i].Intent = b.items[i].Class
	}
	return b, p.Ledger.Write(ctx, p.Backend.Name(), user, b.entries)
}

// batch is what is to be sent.
type batch struct {
	items   []learn.Item
	entries []learn.Entry // of the ledger, for the items
	places  []int         // of the items among those of Teach
}

// sort gives what is not known yet, and results for the rest.
func (p *Pupil) sort(ctx context.Context, user string, items []Item, results []Result) (*batch, error) {
	hashes := make([]learn.Hash, len(items))
	for i, item := range items {
		hashes[i] = item.Hash
	}
	known, err := p.Ledger.Taught(ctx, p.Backend.Name(), user, hashes)
	if err != nil {
		return nil, err
	}
	b := &batch{}
	var refreshed []learn.Entry
	for i, item := range items {
		e := known[item.Hash]
		switch {
		case e.At.After(item.At):
			results[i].Result = learn.Result{Outcome: Superseded, Reason: "a later lesson was taught"}
		case e.Intent == learn.None && e.Class == item.Class:
			results[i].Result = learn.Result{Outcome: learn.Already, Reason: "in the ledger"}
			if item.At.Sub(e.At) > refreshAfter {
				e.At = item.At
				refreshed = append(refreshed, e)
			}
		default:
			prior, unsure := prior(e, item.Class)
			b.items = append(b.items, learn.Item{Hash: item.Hash, Message: item.Message, Class: item.Class, Prior: prior, Unsure: unsure})
			b.entries = append(b.entries, learn.Entry{Hash: item.Hash, Class: e.Class, At: item.At})
			b.places = append(b.places, i)
		}
	}
	return b, p.Ledger.Write(ctx, p.Backend.Name(), user, refreshed)
}

// prior gives the class that teaching class replaces. While an intent is open
// either may be the one that the back end knows.
func prior(e learn.Entry, class learn.Class) (prior learn.Class, unsure bool) {
	switch other := class.Other(); other {
	case e.Class:
		return other, false
	case e.Intent:
		return other, true
	}
	return learn.None, false
}

// learn sends a batch whose intents are written.
func (p *Pupil) learn(ctx context.Context, user string, b *batch, results []Result) {
	answers := p.ask(ctx, user, b.items)
	var entries []learn.Entry
	for i, answer := range answers {
		results[b.places[i]] = Result{Result: answer, Asked: true}
		if answer.Err != nil {
			continue // whether it was learned is open, and so stays the intent
		}
		e := b.entries[i]
		e.Intent = learn.None
		if answer.Outcome != learn.Refused {
			e.Class = b.items[i].Class
		}
		entries = append(entries, e)
	}
	// What was learned is learned, also when ctx is over by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ledgerTime)
	defer cancel()
	if err := p.Ledger.Write(ctx, p.Backend.Name(), user, entries); err != nil {
		for _, place := range b.places {
			results[place] = Result{Result: learn.Result{Err: err}, Asked: true}
		}
	}
}

// ask calls Learn.
func (p *Pupil) ask(ctx context.Context, user string, items []learn.Item) []learn.Result {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	answers := p.Backend.Learn(ctx, user, items)
	if len(answers) != len(items) {
		err := fmt.Errorf("back end %s gave %d results for %d messages", p.Backend.Name(), len(answers), len(items))
		answers = make([]learn.Result, len(items))
		for i := range answers {
			answers[i].Err = err
		}
	}
	return answers
}
