package teach

import (
	"context"
	"errors"
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
)

// refreshAfter is by how much the time of an entry may lag behind the last lesson
// that said the same, so that what is taught again and again is not forgotten.
const refreshAfter = 30 * 24 * time.Hour

// Teach teaches items of one user, each of another message, in their order, and
// gives a result for each. An error in one means that the item is to be tried again.
func (p *Pupil) Teach(ctx context.Context, user string, items []Item) []Result {
	results := make([]Result, len(items))
	if err := p.teach(ctx, user, items, results); err != nil {
		for i := range results {
			if results[i].Outcome == "" && results[i].Err == nil {
				results[i].Err = err
			}
		}
	}
	return results
}

func (p *Pupil) teach(ctx context.Context, user string, items []Item, results []Result) error {
	if p.Lock != nil {
		release, err := p.Lock(ctx, p.Backend.Name(), user)
		if err != nil {
			return fmt.Errorf("waiting for others who teach for %q: %w", user, err)
		}
		defer release()
	}
	settler, settles := p.Backend.(learn.Settler)
	if settles {
		if err := p.settle(ctx, settler, user); err != nil {
			return err
		}
	}
	b, err := p.sort(ctx, user, items, results)
	if err != nil || len(b.items) == 0 {
		return err
	}
	mark := ""
	if settles {
		if mark, err = settler.Mark(ctx, user); err != nil {
			b.fail(results, err)
			return nil
		}
	}
	for i := range b.entries {
		b.entries[i].Intent, b.entries[i].Mark = b.items[i].Class, mark
	}
	if err := p.Ledger.Write(ctx, p.Backend.Name(), user, b.entries); err != nil {
		return err
	}
	return p.learn(ctx, user, b, results)
}

// batch is what is to be sent.
type batch struct {
	items   []learn.Item
	entries []learn.Entry // of the ledger, for the items
	places  []int         // of the items among those of Teach
}

// fail gives all items an error of the back end.
func (b *batch) fail(results []Result, err error) {
	for _, place := range b.places {
		results[place] = Result{Result: learn.Result{Err: err}, Asked: true}
	}
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
			b.items = append(b.items, learn.Item{Hash: item.Hash, Message: item.Message, Class: item.Class, Prior: prior(e, item.Class)})
			b.entries = append(b.entries, learn.Entry{Hash: item.Hash, Class: e.Class, At: item.At})
			b.places = append(b.places, i)
		}
	}
	return b, p.Ledger.Write(ctx, p.Backend.Name(), user, refreshed)
}

// prior gives the class that teaching class replaces. After an intent that was not
// settled either may be the one that the back end knows.
func prior(e learn.Entry, class learn.Class) learn.Class {
	if other := class.Other(); e.Class == other || e.Intent == other {
		return other
	}
	return learn.None
}

// learn sends a batch whose intents are written.
func (p *Pupil) learn(ctx context.Context, user string, b *batch, results []Result) error {
	answers, failed := p.ask(ctx, user, b.items)
	if settler, ok := p.Backend.(learn.Settler); ok && failed != nil {
		// What it did cannot be told one by one from here: the state tells.
		b.fail(results, failed)
		if err := p.settle(ctx, settler, user); err != nil {
			return errors.Join(failed, err)
		}
		return nil
	}
	var entries []learn.Entry
	for i, answer := range answers {
		results[b.places[i]] = Result{Result: answer, Asked: true}
		if answer.Err != nil {
			continue // whether it was learned is open, and so stays the intent
		}
		e := b.entries[i]
		e.Intent, e.Mark = learn.None, ""
		if answer.Outcome != learn.Refused {
			e.Class = b.items[i].Class
		}
		entries = append(entries, e)
	}
	// What was learned is learned, also when ctx is over by now.
	if err := p.Ledger.Write(context.WithoutCancel(ctx), p.Backend.Name(), user, entries); err != nil {
		b.fail(results, err)
	}
	return nil
}

// ask calls Learn, and gives the first error of its results.
func (p *Pupil) ask(ctx context.Context, user string, items []learn.Item) (answers []learn.Result, failed error) {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	answers = p.Backend.Learn(ctx, user, items)
	if len(answers) != len(items) {
		failed = fmt.Errorf("back end %s gave %d results for %d messages", p.Backend.Name(), len(answers), len(items))
		answers = make([]learn.Result, len(items))
		for i := range answers {
			answers[i].Err = failed
		}
	}
	for _, answer := range answers {
		if answer.Err != nil {
			return answers, answer.Err
		}
	}
	return answers, nil
}

// settle finds out what became of intents that a crash or an error has left.
func (p *Pupil) settle(ctx context.Context, s learn.Settler, user string) error {
	open, err := p.Ledger.Open(ctx, s.Name(), user)
	if err != nil || len(open) == 0 {
		return err
	}
	items := make([]learn.Item, len(open))
	for i, e := range open {
		items[i] = learn.Item{Hash: e.Hash, Class: e.Intent, Prior: prior(e, e.Intent)}
	}
	done, err := s.Settle(ctx, user, open[0].Mark, items)
	if err != nil {
		return fmt.Errorf("finding out what was taught before: %w", err)
	}
	for i := range open {
		if i < done {
			open[i].Class = open[i].Intent
		}
		open[i].Intent, open[i].Mark = learn.None, ""
	}
	return p.Ledger.Write(ctx, s.Name(), user, open)
}
