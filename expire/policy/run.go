package policy

import (
	"context"
	"errors"
	"fmt"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/internal/mailstore"
)

// Execute carries a plan out. A message that somebody has changed, moved or removed
// since the plan was made stays. What goes wrong is in Folder.Errors, and in the report;
// the context's end is not.
func (p *Plan) Execute(ctx context.Context) UserReport {
	report := p.report()
	for i, f := range p.Folders {
		out := &report.Folders[i]
		for k, c := range f.Choices {
			e := &execution{user: p.User, folder: f, choice: c, report: &out.Rules[k], after: &out.After}
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
	user   *User
	folder *Folder
	choice *Choice
	report *RuleReport
	after  *Histogram
}

func (e *execution) run(ctx context.Context) error {
	if len(e.choice.Chosen) == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	matches := make([]expire.Match, len(e.choice.Chosen))
	for i, m := range e.choice.Chosen {
		matches[i] = m.Match
	}
	rule := e.choice.Rule
	saved := rule.Clock == query.Saved || rule.Query.HasClock(query.Saved)
	err := e.user.Rights.Do(func() error {
		return e.user.Store.Remove(ctx, e.folder.Mailbox, expire.Removals(matches, saved), e.gone)
	})
	if errors.Is(err, mailstore.ErrNoMailbox) {
		err = nil
	}
	if err == nil {
		e.report.Changed = len(matches) - e.report.Messages
	}
	return err
}

// gone counts a message that is gone.
func (e *execution) gone(i int) {
	m := e.choice.Chosen[i]
	e.report.take(m)
	e.folder.leaves(e.after, m)
}
