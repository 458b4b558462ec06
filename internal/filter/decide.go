package filter

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve"
)

// decideAll makes the plans of batches until there are no more.
func (f *filter) decideAll(ctx context.Context) {
	for b := range f.work {
		f.decide(ctx, b)
		close(b.decided)
	}
}

// decide reads the messages of a batch with the user's rights, and then runs the
// script over each without them, as it may start programs.
func (f *filter) decide(ctx context.Context, b *batch) {
	b.messages = make([]*Message, 0, len(b.entries))
	err := f.resident.Owner.Do(func() error {
		for _, e := range b.entries {
			if ctx.Err() != nil {
				return nil
			}
			m := &Message{Entry: e}
			m.open, m.closer, m.Err = f.resident.Store.Open(ctx, e)
			if errors.Is(m.Err, mailstore.ErrNoMessage) {
				continue // somebody else removed it
			}
			b.messages = append(b.messages, m)
		}
		return nil
	})
	if b.err = errors.Join(b.err, err); err != nil {
		return
	}
	for _, m := range b.messages {
		if m.Err != nil || ctx.Err() != nil {
			continue
		}
		m.Header, m.envelope = m.open, f.envelope(m.open)
		m.Result = f.run(ctx, m)
		if m.Err = m.Result.Err; m.Err == nil {
			m.Plan = plan(&f.options, &m.Entry, m.open, m.Result)
		}
		if !f.options.Execute || !m.Plan.needsMessage() {
			m.Err = errors.Join(m.Err, m.close())
		}
	}
}

// run runs the script. A panic of the engine concerns one message.
func (f *filter) run(ctx context.Context, m *Message) (res *sieve.Result) {
	defer func() {
		if p := recover(); p != nil {
			res = &sieve.Result{Err: fmt.Errorf("the Sieve engine failed: %v\n%s", p, debug.Stack())}
		}
	}()
	return f.program.Run(ctx, m.open, f.resident.Env(&m.envelope, m.Entry.Flags, f.options.Execute))
}

// envelope guesses the envelope with which a message came.
func (f *filter) envelope(m *message.Message) message.Envelope {
	e := message.Envelope{From: address(m, "Return-Path", "Sender", "From"), To: address(m, "Delivered-To", "Envelope-To")}
	if e.To == "" {
		e.To = f.resident.Address()
	}
	if e.OrigTo = address(m, "X-Original-To"); e.OrigTo == "" {
		e.OrigTo = e.To
	}
	return e
}

// address gives the first address of the first of the fields that is there.
func address(m *message.Message, names ...string) string {
	for _, name := range names {
		for f := range m.Header(name) {
			for _, a := range message.ParseAddresses(f.Value()) {
				if a.IsMailbox() {
					return a.String()
				}
			}
			return "" // the null sender is one, too
		}
	}
	return ""
}
