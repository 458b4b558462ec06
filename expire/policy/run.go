package policy

import (
	"context"
	"errors"
	"fmt"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/internal/mailstore"
	"dovetail/maildir"
)

// Execute carries a plan out. A message that somebody has changed, moved or removed
// since the plan was made stays. What goes wrong is in Folder.Errors, and in the report;
// the context's end is not.
func (p *Plan) Execute(ctx context.Context) UserReport {
	report := p.report()
	for i, f := range p.Folders {
		out := &report.Folders[i]
		for k, c := range f.Choices {
			e := &execution{user: p.User, folder: f, choice: c, subscribe: p.Subscribe, report: &out.Rules[k], after: &out.After}
			if err := e.run(ctx); err != nil && ctx.Err() == nil {
				f.Errors = append(f.Errors, fmt.Errorf("rule %q: %w", c.Rule.Name, err))
			}
			report.Stopped = report.Stopped || ctx.Err() != nil
		}
	}
	p.tell(&report)
	return report
}

// execution is what becomes of one choice.
type execution struct {
	user      *User
	folder    *Folder
	choice    *Choice
	subscribe bool
	report    *RuleReport
	after     *Histogram
}

// run acts with the user's rights.
func (e *execution) run(ctx context.Context) error {
	if len(e.choice.Chosen) == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	err := e.user.Rights.Do(func() error {
		switch e.choice.Rule.Action {
		case Delete:
			return e.remove(ctx, e.choice.Chosen)
		case Move:
			return e.move(ctx)
		case Archived:
			return e.archive(ctx)
		}
		return fmt.Errorf("unknown action %q", e.choice.Rule.Action)
	})
	if errors.Is(err, mailstore.ErrNoMailbox) {
		err = nil // nothing is there any more
	}
	return err
}

// removals gives messages as the store takes them.
func (e *execution) removals(chosen []Chosen) []maildir.Removal {
	matches := make([]expire.Match, len(chosen))
	for i, m := range chosen {
		matches[i] = m.Match
	}
	return expire.Removals(matches, e.choice.Rule.Query.HasClock(query.Saved))
}

func (e *execution) remove(ctx context.Context, chosen []Chosen) error {
	gone := 0
	err := e.user.Store.Remove(ctx, e.folder.Mailbox, e.removals(chosen), func(i int) {
		gone++
		e.gone(chosen[i])
	})
	if err == nil || errors.Is(err, mailstore.ErrNoMailbox) {
		e.report.Changed += len(chosen) - gone
	}
	return err
}

func (e *execution) move(ctx context.Context) error {
	moved, chosen := 0, e.choice.Chosen
	to := maildir.Target{Mailbox: e.choice.Rule.Folder, Create: true, Subscribe: e.subscribe}
	err := e.user.Store.Move(ctx, e.folder.Mailbox, e.removals(chosen), to, func(i int) {
		moved++
		e.gone(chosen[i])
	})
	if err == nil || errors.Is(err, mailstore.ErrNoMailbox) {
		e.report.Changed += len(chosen) - moved
	}
	return err
}

// gone counts a message that is gone.
func (e *execution) gone(m Chosen) {
	e.report.take(m)
	e.folder.leaves(e.after, m)
}
