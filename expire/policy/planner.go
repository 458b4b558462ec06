package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/maildir"
)

// Planner makes plans. It is safe for concurrent use.
type Planner struct {
	Rules     []*Rule
	Stamps    Stamps // nil: no rule has the clock query.FirstSeen
	Prefix    string // of the namespace, in front of all mailboxes but INBOX
	Subscribe bool   // to folders that are made
	DryRun    bool   // no message gets a stamp
	Ages      bool   // histograms are wanted, for which each message is looked at
	Now       func() time.Time
	FS        fsx.FS // where opt-out files are looked for
}

// Plan reads the mailboxes of a user, each once. It changes nothing but the stamps.
// What is wrong with one mailbox is in the plan, and nothing is chosen there. After an
// error there is no plan.
func (p *Planner) Plan(ctx context.Context, u *User) (*Plan, error) {
	plan := &Plan{User: u, Subscribe: p.Subscribe}
	var rules []*Rule
	for _, r := range p.Rules {
		if r.IsFor(u.Name) {
			rules = append(rules, r)
		}
	}
	if len(rules) == 0 {
		return plan, nil
	}
	var names []string
	err := u.Rights.Do(func() (err error) {
		if rules, err = p.wanted(u, rules, plan); err != nil || len(rules) == 0 {
			return err
		}
		names, err = u.Store.Mailboxes(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		f := &Folder{Mailbox: name}
		for _, r := range rules {
			if r.isAbout(name, u.Store.Separator(), p.Prefix) {
				f.Choices = append(f.Choices, &Choice{Rule: r})
			}
		}
		if len(f.Choices) == 0 {
			continue
		}
		err := p.folder(ctx, u, f)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, mailstore.ErrNoMailbox) {
			continue
		}
		if err != nil {
			f.Choices = nil
			f.Errors = append(f.Errors, err)
		}
		plan.Folders = append(plan.Folders, f)
	}
	if err := p.forget(ctx, plan); err != nil { // which is no reason to keep mail
		plan.Errors = append(plan.Errors, err)
	}
	return plan, ctx.Err()
}

// wanted leaves out the rules that the user has opted out of.
func (p *Planner) wanted(u *User, rules []*Rule, plan *Plan) (wanted []*Rule, err error) {
	for _, r := range rules {
		if r.OptOut == "" || u.Home == "" {
			wanted = append(wanted, r)
			continue
		}
		_, err := p.FS.Lstat(filepath.Join(u.Home, r.OptOut))
		switch {
		case err == nil:
			plan.OptOut = true
		case errors.Is(err, fs.ErrNotExist):
			wanted = append(wanted, r)
		default:
			return nil, mailerr.FromErrno(fmt.Errorf("looking for the opt-out file: %w", err))
		}
	}
	return wanted, nil
}

// folder plans one mailbox.
func (p *Planner) folder(ctx context.Context, u *User, f *Folder) error {
	var scan *maildir.Scan
	err := u.Rights.Do(func() (err error) { scan, err = u.Store.Scan(ctx, f.Mailbox); return err })
	if err != nil {
		return err
	}
	survey := &expire.Survey{Store: u.Store, Stat: p.Ages}
	survey.Failed = func(_ string, err error) { f.fail(err) }
	stamped := false
	for _, c := range f.Choices {
		survey.Questions = append(survey.Questions, expire.Question{Query: c.Rule.Query, Clock: c.Rule.Clock})
		stamped = stamped || c.Rule.Clock == query.FirstSeen
	}
	if stamped {
		if survey.FirstSeen, err = p.firstSeen(ctx, u, f, scan); err != nil {
			return fmt.Errorf("asking when messages were first seen: %w", err)
		}
	}
	now := p.Now()
	err = u.Rights.Do(func() error {
		return survey.Run(ctx, scan, func(a expire.Answer) error {
			f.take(a, now, p.Ages)
			return nil
		})
	})
	if err == nil {
		f.limit()
	}
	return err
}

// take takes in what is known of a message.
func (f *Folder) take(a expire.Answer, now time.Time, ages bool) {
	f.Total.add(a.Size)
	m := Chosen{Match: a.Match, Size: a.Size, At: a.At}
	if ages {
		m.Age = now.Sub(a.Status.Received)
		f.Before.add(m.Age, a.Size)
	}
	if a.By >= 0 {
		c := f.Choices[a.By]
		c.Chosen = append(c.Chosen, m)
	}
}

// firstSeen asks for the stamps of a mailbox. The state is the site's: this needs the
// rights of the process.
func (p *Planner) firstSeen(ctx context.Context, u *User, f *Folder, scan *maildir.Scan) ([]time.Time, error) {
	if p.Stamps == nil {
		return nil, errors.New("there is no state database")
	}
	if f.stamped = scan.ID; f.stamped == "" {
		f.stamped = scan.Mailbox
	}
	names := make([]string, 0, scan.Len())
	for m := range scan.Messages() {
		names = append(names, m.Base())
	}
	ask := p.Stamps.Of
	if p.DryRun {
		ask = p.Stamps.Known
	}
	times, err := ask(ctx, u.Name, f.stamped, names)
	if err == nil && len(times) != len(names) {
		err = fmt.Errorf("%d times for %d messages", len(times), len(names))
	}
	return times, err
}

// forget has the stamps of mailboxes forgotten that are gone, or that no rule with that
// clock is about any more.
func (p *Planner) forget(ctx context.Context, plan *Plan) error {
	if p.Stamps == nil || p.DryRun {
		return nil
	}
	var stamped []string
	for _, f := range plan.Folders {
		if len(f.Errors) > 0 {
			return nil // it may be one of them
		}
		if f.stamped != "" {
			stamped = append(stamped, f.stamped)
		}
	}
	return p.Stamps.Keep(ctx, plan.User.Name, stamped)
}
