package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// Sender hands mail to the MTA. Errors are classified with mailerr.
type Sender interface {
	Send(ctx context.Context, from string, to []string, m *message.Message) error
}

// Executor carries out what scripts asked for, for all recipients of a
// transaction at once, in this order: all files written, one flush, all files
// published, one flush, then what leaves the machine.
//
//   - Up to the second flush a failure undoes all of that recipient's work. A
//     mailbox that cannot be used sends the unchanged message to INBOX; anything
//     else (a full disk) is a temporary error.
//   - After it nothing is undone. A redirect that fails leaves a copy in INBOX; so
//     does a pipe that fails when the message is stored nowhere. Where nothing at
//     all has happened yet, a temporary failure of the redirect is a temporary
//     error instead, and the MTA tries again.
//   - What is done once (a redirect, an answer to the sender) is claimed in State
//     just before it is done, and released when it surely was not. A State that
//     fails stops no redirect, but every answer. A redirect made before is not
//     made again and leaves the implicit keep in force.
//   - Answers and notifications go last, and not at all when the MTA will try again: they must
//     neither be sent twice nor change what becomes of the message.
type Executor struct {
	Flush         func(ctx context.Context, files []fsx.File) error
	Sender        Sender        // nil: nothing can be sent
	AutoCreate    bool          // lda_mailbox_autocreate
	AutoSubscribe bool          // lda_mailbox_autosubscribe
	Hardlinks     bool          // maildir_copy_with_hardlinks
	RejectByReply bool          // answer every reject with a refusal, send no mail (dovecot-lda -e)
	RedirectFrom  string        // sieve_redirect_envelope_from; "" is "sender"
	State         State         // nil: nothing is remembered
	RedirectOnce  time.Duration // sieve_redirect_duplicate_period; 0: redirects are not remembered
	Hostname      string
	Postmaster    string           // postmaster_address
	Now           func() time.Time // clock
}

// Job is the work for one recipient; Execute fills in its Outcome.
type Job struct {
	Store     mailstore.Store
	Owner     Owner
	User      string // whose mail it is, for what is remembered
	Default   string // mailbox of keep; "" is INBOX
	Envelope  message.Envelope
	UserEmail string // sieve_user_email, may be empty
	Original  *message.Message
	Actions   []action.Action
	Keep      *action.Store // the implicit keep in force; nil when cancelled
	Pipe      func(ctx context.Context, p *action.Pipe) error
	Received  time.Time // date of what is stored; zero: now
	Stays     bool      // the message is stored already: a failure leaves it there, nothing goes to INBOX
	Outcome   Outcome

	verdict  string // the Scorer's
	stores   []*action.Store
	later    []action.Action
	answers  []*action.Respond
	notices  []*action.Notify
	dropped  bool // an action other than a redirect cancels the implicit keep
	pending  []mailstore.Pending
	received time.Time
}

// Outcome is what became of one recipient's copy.
type Outcome struct {
	Err      error    // the answer: nil when the message is stored to stay, passed on, or discarded as asked
	Failures []error  // what failed on the way and was made up for
	Warnings []error  // what did not work and was not to matter (pipe :try, a redirect that would loop)
	Stored   []string // mailboxes
	Sent     []string // addresses redirected to, programs piped to
	Answered []string // addresses that an answer was sent to (vacation)
	Notified []string // addresses that a notification was sent to; no trace of the message itself
	Rejected bool
}

// done tells whether something was done that cannot be undone.
func (o *Outcome) done() bool { return len(o.Stored)+len(o.Sent) > 0 || o.Rejected }

// Execute carries out jobs. It returns when every job has its Outcome.
func (x *Executor) Execute(ctx context.Context, jobs []*Job) {
	received := x.Now()
	for _, j := range jobs {
		if j.received = j.Received; j.received.IsZero() {
			j.received = received
		}
		x.plan(j)
	}
	eachJob(jobs, func() func(*Job) error {
		shared := map[message.Identity]mailstore.Pending{}
		return func(j *Job) error { return x.prepare(ctx, j, shared) }
	})
	x.flush(ctx, jobs)
	eachJob(jobs, func() func(*Job) error { return (*Job).publish })
	x.flush(ctx, jobs)
	beside, cancel := context.WithTimeout(ctx, besideTime)
	defer cancel()
	inParallel(jobs, func(j *Job) { x.finish(ctx, beside, j) })
}

// finish does what comes after the commit, for one recipient; beside is for what is sent
// beside the message.
func (x *Executor) finish(ctx, beside context.Context, j *Job) {
	j.close()
	if j.Outcome.Err == nil {
		x.leave(ctx, j)
	}
	x.tell(beside, j)
	x.remember(ctx, j)
}

// eachJob does a step of every job that has not failed, with its owner's rights.
func eachJob(jobs []*Job, newStep func() func(*Job) error) {
	live := slices.DeleteFunc(slices.Clone(jobs), func(j *Job) bool { return j.Outcome.Err != nil })
	eachAs(live, func(j *Job) Owner { return j.Owner }, newStep, (*Job).fail)
}

// plan sorts the actions: what is stored, merged by mailbox, and what comes later.
func (x *Executor) plan(j *Job) {
	redirected, looped := false, false
	j.stores, j.later, j.answers, j.notices, j.dropped = nil, nil, nil, nil, false
	for _, a := range j.Actions {
		switch a := a.(type) {
		case *action.Store:
			j.addStore(a)
			j.dropped = j.dropped || !a.Copy
		case *action.Redirect:
			if j.loops(a) {
				looped = true
				j.warn(fmt.Errorf("redirect to %s: the message was redirected from here before", a.Address))
				continue
			}
			j.later = append(j.later, a)
			redirected = redirected || !a.Copy
		case *action.Pipe:
			j.later = append(j.later, a)
			j.dropped = j.dropped || !a.Copy
		case *action.Reject:
			j.later = append(j.later, a)
			j.dropped = true
		case *action.Respond:
			j.answers = append(j.answers, a)
		case *action.Notify:
			j.notices = append(j.notices, a)
		case *action.Discard:
			j.dropped = true
		}
	}
	switch {
	case j.Keep != nil:
		j.addStore(j.Keep)
	case looped && !redirected && !j.dropped && !j.Stays:
		// A redirect that is not made does not cancel the implicit keep.
		j.addStore(&action.Store{Message: j.Original})
	}
}

// addStore adds a store; a second one into a mailbox only adds its flags.
func (j *Job) addStore(a *action.Store) {
	s := *a
	s.Mailbox = j.mailbox(a.Mailbox)
	for _, have := range j.stores {
		if have.Mailbox == s.Mailbox {
			have.Flags = union(have.Flags, s.Flags)
			have.Create = have.Create || s.Create
			return
		}
	}
	j.stores = append(j.stores, &s)
}

// mailbox resolves the name of keep's mailbox and the case of INBOX.
func (j *Job) mailbox(name string) string {
	if name == "" {
		name = j.Default
	}
	if name == "" || equalFoldASCII(name, mailstore.Inbox) {
		return mailstore.Inbox
	}
	return name
}

// prepare writes a job's files. A mailbox that cannot be used leads to INBOX.
func (x *Executor) prepare(ctx context.Context, j *Job, shared map[message.Identity]mailstore.Pending) error {
	if len(j.stores) == 0 {
		return nil
	}
	err := x.prepareAll(ctx, j, j.stores, shared)
	if err == nil || j.Stays || !usableElsewhere(err) {
		return err
	}
	j.failed(err)
	return x.prepareAll(ctx, j, []*action.Store{{Mailbox: mailstore.Inbox, Message: j.Original}}, shared)
}

// usableElsewhere tells of a failed store whether another mailbox may do: it is
// the mailbox that was wrong, not the disk.
func usableElsewhere(err error) bool {
	if mailerr.IsPermanent(err) {
		return true // over quota: INBOX may have another limit
	}
	for _, e := range []error{
		mailstore.ErrNoMailbox, mailstore.ErrBadName, fs.ErrPermission,
		syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (x *Executor) prepareAll(ctx context.Context, j *Job, stores []*action.Store, shared map[message.Identity]mailstore.Pending) error {
	mine := make([]message.Identity, 0, len(stores))
	for _, s := range stores {
		key := s.Message.Identity()
		d := mailstore.Delivery{
			Mailbox: s.Mailbox, Flags: s.Flags, Create: s.Create || x.AutoCreate,
			Subscribe: x.AutoSubscribe, Received: j.received,
		}
		if x.Hardlinks {
			d.Share = shared[key]
		}
		p, err := j.Store.Prepare(ctx, s.Message, d)
		if err != nil {
			for _, k := range mine {
				delete(shared, k) // nobody may link to what goes away now
			}
			return errors.Join(fmt.Errorf("failed to store into mailbox %q: %w", s.Mailbox, err), j.abort())
		}
		j.pending = append(j.pending, p)
		j.Outcome.Stored = append(j.Outcome.Stored, s.Mailbox)
		if shared[key] == nil {
			shared[key] = p
			mine = append(mine, key)
		}
	}
	return nil
}

// flush makes durable what all jobs have written. When it fails, every job that
// has written something fails: a write error is reported once, so asking again,
// job by job, would say that all is well.
func (x *Executor) flush(ctx context.Context, jobs []*Job) {
	var all []fsx.File
	for _, j := range jobs {
		all = append(all, unsynced(j.pending)...)
	}
	if len(all) == 0 {
		return
	}
	err := x.Flush(ctx, all)
	if err == nil {
		return
	}
	for _, j := range jobs {
		if len(j.pending) > 0 {
			j.fail(err)
		}
	}
}

func unsynced(pending []mailstore.Pending) []fsx.File {
	var files []fsx.File
	for _, p := range pending {
		files = append(files, p.Unsynced()...)
	}
	return files
}

func (j *Job) publish() error {
	for _, p := range j.pending {
		if err := p.Publish(); err != nil {
			return err
		}
	}
	return nil
}

// fail ends a job with a temporary or permanent error and takes back its files.
func (j *Job) fail(err error) {
	if err == nil {
		return
	}
	j.Outcome.Err = errors.Join(err, j.Owner.do(j.abort))
}

// abort takes back what is prepared or published.
func (j *Job) abort() error {
	var errs []error
	for _, p := range j.pending {
		if err := p.Abort(); err != nil {
			errs = append(errs, fmt.Errorf("taking back a message: %w", err))
		}
	}
	j.close()
	j.Outcome.Stored = nil
	return errors.Join(errs...)
}

func (j *Job) close() {
	for _, p := range j.pending {
		if err := p.Close(); err != nil {
			j.failed(err)
		}
	}
	j.pending = nil
}

// failed notes a failure that was made up for.
func (j *Job) failed(err error) { j.Outcome.Failures = append(j.Outcome.Failures, err) }

// warn notes what did not work and was not to matter.
func (j *Job) warn(err error) { j.Outcome.Warnings = append(j.Outcome.Warnings, err) }
