package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/internal/userdb"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

// decide runs the scripts of a copy and takes over what they ask for. Whatever
// goes wrong in a script, the unchanged message is kept.
func (d *Deliverer) decide(ctx context.Context, c *copyFor) {
	j := &c.job
	d.score(ctx, c.rcpt.User, j)
	res := d.run(ctx, c.chain, c.rcpt.User, j, nil)
	j.Actions, j.Keep = res.Actions, res.Keep
	if res.Decided.Script != "" {
		c.decided = fmt.Sprintf("%s:%d", res.Decided.Script, res.Decided.Line)
	}
	faults := []error{res.Err}
	if c.chain.Broken != nil {
		j.Keep = &action.Store{Message: j.Original}
		faults = append(faults, c.chain.Broken)
	}
	var lines []string
	if fault := errors.Join(faults...); fault != nil {
		j.failed(fault)
		lines = append(lines, fault.Error())
	}
	if lines = append(lines, said(j, c.chain, res)...); len(lines) == 0 {
		return
	}
	err := j.Owner.do(func() error { return logForUser(c.chain.UserPath, d.Executor.Now(), lines...) })
	if err != nil {
		j.warn(fmt.Errorf("writing the user's script log: %w", err))
	}
}

// said gives what the user's scripts had to say while they ran, but for the error
// that ended them. Errors and warnings of the site's scripts go to the mail log.
func said(j *Job, chain *Chain, res *sieve.Result) []string {
	var lines []string
	for _, m := range res.Log {
		switch {
		case m.Severity == sieve.SeverityError && res.Err != nil && strings.HasSuffix(res.Err.Error(), m.Text):
		case !chain.isSite(m.Script):
			lines = append(lines, m.String())
		case m.Severity != sieve.SeverityInfo:
			j.warn(errors.New(m.String()))
		}
	}
	return lines
}

// Trace is told of each step of the scripts.
type Trace func(sieve.Event)

// Explain runs the scripts that apply to a recipient and carries nothing out.
// Programs that scripts execute do run.
func (d *Deliverer) Explain(ctx context.Context, tx *Transaction, r *Recipient, trace Trace) (*sieve.Result, *Chain, error) {
	chain := &Chain{}
	if d.Scripts != nil {
		var err error
		if chain, err = d.Scripts.For(r.User); err != nil {
			return nil, nil, err
		}
	}
	store, err := d.Stores(r)
	if err != nil {
		return nil, nil, err
	}
	j := d.job(tx, r, store, d.traced(tx))
	d.score(ctx, r.User, &j)
	return d.run(ctx, chain, r.User, &j, trace), chain, nil
}

// run runs a chain. A panic of the engine is a runtime error: one script must
// not end the server.
func (d *Deliverer) run(ctx context.Context, chain *Chain, u *userdb.User, j *Job, trace Trace) (res *sieve.Result) {
	env := &sieve.Env{
		Envelope: &j.Envelope, User: u.Name, UserEmail: j.UserEmail, Postmaster: d.Executor.Postmaster, Home: u.Home,
		Mailboxes: ownedMailboxes{j.Store, j.Owner}, Programs: d.Programs.forUser(u, j.Envelope, j.verdict),
		SpecialUse: d.Settings.SpecialUse, Items: d.Settings.EnvironmentItems, Now: d.Executor.Now, Trace: trace,
		Metadata: d.metadataOf(u, j.Store, j.Owner),
	}
	if d.Scripts != nil {
		env.Scripts = userIncludes{d.Scripts, u, j.Owner}
	}
	if d.Executor.State != nil {
		env.Seen = memory{d.Executor.State}
	}
	defer func() {
		if p := recover(); p != nil {
			res = &sieve.Result{
				Keep: &action.Store{Message: j.Original}, Message: j.Original,
				Err: fmt.Errorf("the Sieve engine failed: %v\n%s", p, debug.Stack()),
			}
		}
	}()
	scripts := slices.Concat(chain.Before, chain.User, chain.After)
	if chain.Broken != nil {
		// The sequence ends at a script that cannot run.
		return sieve.RunSequence(ctx, chain.Before, nil, j.Original, env)
	}
	if len(scripts) == 0 && chain.Discard == nil {
		return &sieve.Result{Keep: &action.Store{Message: j.Original}, Message: j.Original}
	}
	return sieve.RunSequence(ctx, scripts, chain.Discard, j.Original, env)
}

// job makes the job of a recipient's copy.
func (d *Deliverer) job(tx *Transaction, r *Recipient, store mailstore.Store, m *message.Message) Job {
	env := message.Envelope{
		From: tx.From, To: r.Address, OrigTo: orElse(r.OrigTo, r.Address), Auth: tx.Auth,
		Notify: r.Notify, ORcpt: r.ORcpt, Ret: tx.Ret, EnvID: tx.EnvID, By: tx.By,
	}
	return Job{
		Store: store, Owner: ownerOf(r.User), User: r.User.Name, Default: r.Mailbox, UserEmail: d.Settings.UserEmail,
		Original: m, Envelope: env, Pipe: d.Programs.pipe(r.User, env, ""),
	}
}

// ownedMailboxes answers the scripts' questions with the user's rights.
type ownedMailboxes struct {
	store mailstore.Store
	owner Owner
}

func (m ownedMailboxes) Exists(ctx context.Context, name string) (ok bool, err error) {
	err = m.owner.do(func() error {
		ok, err = m.store.Exists(ctx, name)
		return err
	})
	return ok, err
}

// MailboxByID asks a store that knows ids.
func (m ownedMailboxes) MailboxByID(ctx context.Context, id string) (name string, err error) {
	ids, ok := m.store.(interface {
		MailboxByID(ctx context.Context, id string) (string, error)
	})
	if !ok {
		return "", nil
	}
	err = m.owner.do(func() error {
		name, err = ids.MailboxByID(ctx, id)
		return err
	})
	return name, err
}
