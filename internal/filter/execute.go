package filter

import (
	"context"
	"errors"

	"dovetail/internal/delivery"
	"dovetail/internal/mailstore"
	"dovetail/sieve/action"
)

// execute carries out the plans of some messages: first all that is stored and
// sent, then the changes of the source for those where that went well.
func (f *filter) execute(ctx context.Context, messages []*Message) {
	var jobs []*delivery.Job
	var owners []*Message
	for _, m := range messages {
		if m.Err == nil && m.Plan.needsMessage() {
			jobs = append(jobs, f.resident.Job(m.envelope, m.open, m.Entry.Received, m.Plan.actions()))
			owners = append(owners, m)
		}
	}
	if len(jobs) > 0 {
		f.resident.Execute(ctx, jobs)
	}
	for i, j := range jobs {
		owners[i].Err = errors.Join(append([]error{j.Outcome.Err}, j.Outcome.Failures...)...)
		owners[i].Warnings = j.Outcome.Warnings
	}
	f.changeSource(ctx, messages)
}

// actions are what the executor has to do for a plan.
func (p *Plan) actions() []action.Action {
	var all []action.Action
	for _, s := range p.Stores {
		all = append(all, s)
	}
	if p.Replace != nil {
		all = append(all, p.Replace)
	}
	return append(all, p.Leave...)
}

// changeSource expunges what has moved and sets flags, under one lock.
func (f *filter) changeSource(ctx context.Context, messages []*Message) {
	var changed []*Message
	for _, m := range messages {
		// What did not work and stands for the keeping of the message (pipe :try).
		failed := m.Err != nil || m.Plan.Dropped && len(m.Warnings) > 0
		if !failed && (m.Plan.Remove || m.Plan.SetFlags) {
			changed = append(changed, m)
		}
	}
	if len(changed) == 0 {
		return
	}
	err := f.resident.Owner.Do(func() error {
		return f.resident.Store.Edit(ctx, f.options.Mailbox, func(e mailstore.Editor) error {
			for _, m := range changed {
				if m.Plan.Remove {
					m.Err = e.Expunge(m.Entry)
				} else if m.Err = e.SetFlags(m.Entry, m.Plan.Flags); errors.Is(m.Err, mailstore.ErrNoMessage) {
					m.Err = nil // somebody else removed it
				}
			}
			return nil
		})
	})
	for _, m := range changed {
		if err != nil {
			m.Err = errors.Join(m.Err, err)
		}
	}
}
