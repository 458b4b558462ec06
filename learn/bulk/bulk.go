// Package bulk teaches whole folders at once.
//
// The ledger is what makes it resume: after an interruption the same call finds what
// was taught, and goes on with the rest. Reading and teaching go on at the same time,
// back ends learn side by side, each in batches of one user. How many messages a back
// end takes at once is its own matter.
package bulk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"dovetail/learn"
	"dovetail/learn/source"
	"dovetail/learn/teach"
)

// A batch has at most so many messages, or bytes when it has more than one. At its end the
// back end stands idle until the ledger has it: 30 ms beside rspamd.
const (
	batchMessages = 500
	batchBytes    = 8 << 20
)

// Options say what is taught to whom.
type Options struct {
	Class   learn.Class
	User    string // empty: the site
	Pupils  []*teach.Pupil
	DryRun  bool // teach nothing, tell what the ledger does not know yet
	Now     func() time.Time
	Done    func(messages int) // called as messages are done with, one call at a time
	Problem func(error)        // told of each message that cannot be read
}

// Summary is what became of the messages. Its keys are an interface.
type Summary struct {
	Messages   int        `json:"messages"`   // that were found
	Unreadable int        `json:"unreadable"` // of these; also those that are too big
	Twice      int        `json:"twice"`      // of these: further copies of a message
	Backends   []*Backend `json:"backends"`
}

// Backend is what became of the messages at one back end.
type Backend struct {
	Name     string                `json:"name"`
	Outcomes map[learn.Outcome]int `json:"outcomes"`
	Failed   int                   `json:"failed"` // could not be taught, and may be another time
	Error    string                `json:"error"`  // the last one
	down     bool
}

// run is one call of Run.
type run struct {
	Options
	seen    map[learn.Hash]bool
	broken  error // of sources
	summary *Summary
}

// Run teaches all messages of the sources. The summary holds in case of an error, too:
// of a source that breaks off, or of a back end that takes nothing any more.
func Run(ctx context.Context, sources []source.Source, o Options) (*Summary, error) {
	r := &run{Options: o, seen: map[learn.Hash]bool{}, summary: &Summary{}}
	for _, p := range o.Pupils {
		r.summary.Backends = append(r.summary.Backends, &Backend{Name: p.Backend.Name(), Outcomes: map[learn.Outcome]int{}})
	}
	batches := make(chan *batch)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(batches)
		return r.read(running, sources, batches)
	})
	group.Go(func() error {
		for b := range batches {
			if err := r.take(running, b); err != nil {
				return err
			}
		}
		return nil
	})
	err := errors.Join(group.Wait(), r.broken)
	if ctx.Err() != nil {
		return r.summary, fmt.Errorf("interrupted, the same call goes on from here: %w", ctx.Err())
	}
	for _, b := range r.summary.Backends {
		if b.down {
			err = errors.Join(err, fmt.Errorf("%s takes no messages: %s", b.Name, b.Error))
		}
	}
	return r.summary, err
}

// batch are messages to be taught together, and what else was read with them.
type batch struct {
	items             []teach.Item
	bytes             int64
	found             int
	unreadable, twice int
}

func (b *batch) full() bool { return b.found >= batchMessages || b.bytes >= batchBytes }

// read sends all messages in batches. A source that breaks does not end it.
func (r *run) read(ctx context.Context, sources []source.Source, batches chan<- *batch) error {
	b := &batch{}
	send := func() error {
		select {
		case batches <- b:
			b = &batch{}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, s := range sources {
		for m, err := range s.Messages(ctx) {
			if err != nil && m.Name == "" {
				r.broken = errors.Join(r.broken, err)
				break
			}
			r.add(b, m, err)
			if b.full() {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	return send()
}

// add puts a message into a batch.
func (r *run) add(b *batch, m source.Message, problem error) {
	b.found++
	var hash learn.Hash
	if problem == nil {
		hash, problem = learn.HashOf(m.Message)
	}
	switch {
	case problem != nil:
		b.unreadable++
		r.Problem(problem)
	case r.seen[hash]:
		b.twice++
	default:
		r.seen[hash] = true
		b.items = append(b.items, teach.Item{Hash: hash, Class: r.Class, At: r.Now(), Message: m.Message})
		b.bytes += m.Size()
	}
}

// take teaches a batch to all back ends that still take messages.
func (r *run) take(ctx context.Context, b *batch) error {
	r.summary.Messages += b.found
	r.summary.Unreadable += b.unreadable
	r.summary.Twice += b.twice
	if len(b.items) > 0 {
		if err := r.teach(ctx, b.items); err != nil {
			return err
		}
	}
	r.Done(b.found)
	return nil
}

// errNobody ends the reading when no back end takes messages any more.
var errNobody = errors.New("no back end takes messages")

func (r *run) teach(ctx context.Context, items []teach.Item) error {
	var group errgroup.Group
	for i, p := range r.Pupils {
		s := r.summary.Backends[i]
		group.Go(func() error {
			switch {
			case s.down:
				s.Failed += len(items)
				return nil
			case r.DryRun:
				return r.compare(ctx, p, s, items)
			}
			s.count(p.Teach(ctx, r.User, items))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, s := range r.summary.Backends {
		if !s.down {
			return ctx.Err()
		}
	}
	return errNobody
}

// count takes in the results of a batch. A back end that failed with every message that
// it was asked for is down.
func (b *Backend) count(results []teach.Result) {
	worked := false
	failed := b.Failed
	for _, result := range results {
		if result.Err != nil {
			b.Failed++
			b.Error = result.Err.Error()
			continue
		}
		b.Outcomes[result.Outcome]++
		worked = worked || result.Asked
	}
	b.down = b.Failed > failed && !worked
}

// compare counts what teaching would do, as far as the ledger tells.
func (r *run) compare(ctx context.Context, p *teach.Pupil, b *Backend, items []teach.Item) error {
	hashes := make([]learn.Hash, len(items))
	for i, item := range items {
		hashes[i] = item.Hash
	}
	known, err := p.Ledger.Taught(ctx, p.Backend.Name(), r.User, hashes)
	if err != nil {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	for _, hash := range hashes {
		switch known[hash].Class {
		case r.Class:
			b.Outcomes[learn.Already]++
		case learn.None:
			b.Outcomes[learn.Learned]++
		default:
			b.Outcomes[learn.Relearned]++
		}
	}
	return nil
}
