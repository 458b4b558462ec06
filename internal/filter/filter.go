// Package filter runs a Sieve script over the mail that a mailbox holds, as
// Pigeonhole's sieve-filter does.
//
// For each message it makes a Plan: where it is to be copied or moved, its new
// flags, what is to be sent. Without Options.Execute that is all. With it the
// plans are carried out by delivery's Executor, many messages at once:
//
//   - A message moves by being stored in the other mailbox first, flushed, and
//     only then expunged from the source, under Dovecot's lock.
//   - The source is not changed without Options.Write: messages are copied then.
//   - A message that the script leaves in the source is not stored again; it gets
//     the flags of the script. One whose header was edited takes the place of the old.
//   - What the script drops is treated as Options.Discard says; by default it stays.
//   - Mail is not sent: redirects need Options.Send, and nobody is told of old mail
//     by reject, vacation or notify. Such a message stays in the source.
//   - When anything fails, or the script ends with an error, the message stays.
//
// Other than in a delivery the flags that a message has are those that imap4flags
// begins with, so that addflag keeps \Seen. The envelope is taken from the fields
// of its delivery (Return-Path, Delivered-To). Nothing is a duplicate.
//
// # Memory
//
// Of a message the header is read, the body when the script asks for it. A
// bounded number of messages is under way at a time; for the whole mailbox the
// store keeps the names of its files, less than 100 bytes a message.
package filter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"dovetail/internal/delivery"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve"
)

// Discard says what becomes of messages that the script drops.
type Discard int

// The ways to treat what is dropped.
const (
	DiscardKeep    Discard = iota // it stays
	DiscardMove                   // into Options.Trash
	DiscardDelete                 // it is flagged \Deleted
	DiscardExpunge                // it is removed for good
)

// Options say what a run may do.
type Options struct {
	Mailbox string  // the source
	Default string  // where keep stores; "" is the source
	Discard Discard // has no effect without Write
	Trash   string  // of DiscardMove
	Execute bool    // carry the plans out; else they are only made, and no program is run
	Write   bool    // the source may be changed
	Send    bool    // redirects are sent
	Workers int     // messages that are looked at at the same time; 0: as many as there are processors
}

// Message is one message of the source and what became of it.
type Message struct {
	Entry  mailstore.Entry
	Header *message.Message // its body is closed
	Result *sieve.Result    // nil when the message could not be read
	Plan   Plan
	// Err tells why the message stays as it is: the script ended with an error, or
	// the plan could not be carried out.
	Err error
	// Warnings tell of what went wrong and did not matter.
	Warnings []error

	open     *message.Message
	closer   io.Closer
	envelope message.Envelope
}

// Run runs a script over a mailbox and calls done for every message, in the order
// of the store. It ends with the first error of listing the mailbox, of done, or of ctx.
func Run(ctx context.Context, p *sieve.Program, r *delivery.Resident, o Options, done func(*Message) error) error {
	if o.Default == "" {
		o.Default = o.Mailbox
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &filter{program: p, resident: r, options: o, work: make(chan *batch), order: make(chan *batch, 2*o.Workers)}
	var wg sync.WaitGroup
	wg.Go(func() { f.list(ctx) })
	for range o.Workers {
		wg.Go(func() { f.decideAll(ctx) })
	}
	err := f.finishAll(ctx, done)
	cancel()
	for b := range f.order { // what is under way ends
		<-b.decided
		err = errors.Join(err, b.close())
	}
	wg.Wait()
	return err
}

// batchSize is the number of messages that are read, and carried out, together:
// they share the change of rights, the flushes of the disk and the lock.
const batchSize = 128

// batch is some messages on their way through the filter.
type batch struct {
	entries  []mailstore.Entry
	messages []*Message
	decided  chan struct{} // closed when messages is filled
	err      error         // of the listing, after these entries
}

// filter is a run. list makes batches, which go to the workers in any order and
// to finishAll in theirs; order bounds how many are under way.
type filter struct {
	program  *sieve.Program
	resident *delivery.Resident
	options  Options
	work     chan *batch
	order    chan *batch
}

// list lists the source with the user's rights.
func (f *filter) list(ctx context.Context) {
	defer close(f.order)
	defer close(f.work)
	var b *batch
	send := func() bool {
		select {
		case f.order <- b:
		case <-ctx.Done():
			return false
		}
		f.work <- b
		b = nil
		return true
	}
	err := f.resident.Owner.Do(func() error {
		for e, err := range f.resident.Store.Entries(ctx, f.options.Mailbox) {
			if err != nil {
				return err
			}
			if b == nil {
				b = &batch{decided: make(chan struct{}), entries: make([]mailstore.Entry, 0, batchSize)}
			}
			if b.entries = append(b.entries, e); len(b.entries) == batchSize && !send() {
				return nil
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return
	}
	if b == nil {
		b = &batch{decided: make(chan struct{})}
	}
	b.err = err
	send()
}

// finishAll carries the batches out and reports their messages, in order.
func (f *filter) finishAll(ctx context.Context, done func(*Message) error) error {
	for b := range f.order {
		<-b.decided
		if err := ctx.Err(); err != nil {
			return errors.Join(err, b.close())
		}
		if f.options.Execute {
			f.execute(ctx, b.messages)
		}
		if err := b.close(); err != nil {
			return err
		}
		for _, m := range b.messages {
			if err := done(m); err != nil {
				return err
			}
		}
		if b.err != nil {
			return b.err
		}
	}
	return ctx.Err()
}

// close closes the messages of a batch that are open.
func (b *batch) close() error {
	var errs []error
	for _, m := range b.messages {
		errs = append(errs, m.close())
	}
	return errors.Join(errs...)
}

func (m *Message) close() error {
	if m.closer == nil {
		return nil
	}
	err := m.closer.Close()
	m.open, m.closer = nil, nil
	if err != nil {
		return fmt.Errorf("closing %s: %w", m.Entry.Path, err)
	}
	return nil
}
