package delivery

import (
	"context"
	"time"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

// Resident is a user whose stored mail scripts run over: what a delivery has for
// its recipient, for messages that are there already. It is safe for concurrent
// use.
type Resident struct {
	Store mailstore.Store
	Owner Owner

	deliverer *Deliverer
	recipient *Recipient
}

// Resident finds the user of an address or name.
func (d *Deliverer) Resident(ctx context.Context, address string) (*Resident, error) {
	found, err := d.Users.Resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	r := &Recipient{Address: address, Detail: found.Detail, User: found.User, Location: found.Location}
	store, err := d.Stores(r)
	if err != nil {
		return nil, err
	}
	return &Resident{Store: store, Owner: ownerOf(r.User), deliverer: d, recipient: r}, nil
}

// Name gives the user's name.
func (r *Resident) Name() string { return r.recipient.User.Name }

// Address gives the address that the user was asked for by.
func (r *Resident) Address() string { return r.recipient.Address }

// Env gives what a script knows beside a stored message with these flags.
// Nothing is remembered, so that it is a duplicate of nothing. Without programs
// none of filter and execute can be run.
func (r *Resident) Env(e *message.Envelope, flags []string, programs bool) *sieve.Env {
	d, u := r.deliverer, r.recipient.User
	env := &sieve.Env{
		Envelope: e, User: u.Name, UserEmail: d.Settings.UserEmail, Postmaster: d.Executor.Postmaster, Home: u.Home,
		Flags: flags, Mailboxes: ownedMailboxes{r.Store, r.Owner}, SpecialUse: d.Settings.SpecialUse,
		Items: d.Settings.EnvironmentItems, Now: d.Executor.Now, Metadata: d.metadataOf(u, r.Store, r.Owner),
	}
	if d.Scripts != nil {
		env.Scripts = userIncludes{d.Scripts, u, r.Owner}
	}
	if programs {
		env.Programs = d.Programs.forUser(u, *e, "")
	}
	return env
}

// Job gives the job that carries out actions over a stored message, received
// when it once was.
func (r *Resident) Job(e message.Envelope, m *message.Message, received time.Time, actions []action.Action) *Job {
	return &Job{
		Store: r.Store, Owner: r.Owner, User: r.Name(), UserEmail: r.deliverer.Settings.UserEmail,
		Envelope: e, Original: m, Actions: actions, Pipe: r.deliverer.Programs.pipe(r.recipient.User, e, ""),
		Received: received, Stays: true,
	}
}

// Execute carries out jobs that Job made.
func (r *Resident) Execute(ctx context.Context, jobs []*Job) { r.deliverer.Executor.Execute(ctx, jobs) }

// Do runs f with the user's rights.
func (o Owner) Do(f func() error) error { return o.do(f) }
