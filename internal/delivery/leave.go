package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// leave does what leaves the machine, after everything is stored to stay.
func (x *Executor) leave(ctx context.Context, j *Job) {
	unsent := false // a redirect that was not to be made
	for _, a := range j.later {
		var err error
		switch a := a.(type) {
		case *action.Redirect:
			var again bool
			again, err = x.redirectOnce(ctx, j, a)
			unsent = unsent || again && !a.Copy
		case *action.Reject:
			err = x.reject(ctx, j, a)
		case *action.Pipe:
			err = x.pipe(ctx, j, a)
		}
		if err != nil {
			j.Outcome.Err = err
			return
		}
	}
	if unsent && !j.dropped {
		j.Outcome.Err = x.keepAfter(ctx, j, j.Outcome.done())
	}
}

// redirectOnce redirects unless that was done already; again tells that it was.
func (x *Executor) redirectOnce(ctx context.Context, j *Job, a *action.Redirect) (again bool, err error) {
	key, known := redirectKey(j, a)
	state := memory{x.State}
	if !known {
		state.state = nil
	}
	won, err := state.claim(ctx, key, x.RedirectOnce)
	if err != nil {
		j.warn(fmt.Errorf("redirect to %s: it is not known whether this was done before: %w", a.Address, err))
		state.state = nil
	} else if !won {
		j.warn(fmt.Errorf("redirect to %s: the message was redirected there before", a.Address))
		return true, nil
	}
	sent := len(j.Outcome.Sent)
	err = x.redirect(ctx, j, a)
	if len(j.Outcome.Sent) == sent {
		if err := state.release(ctx, key, x.RedirectOnce); err != nil {
			j.warn(fmt.Errorf("redirect to %s counts as done: %w", a.Address, err))
		}
	}
	return false, err
}

// redirect sends the message on. A failure leaves a copy in INBOX.
func (x *Executor) redirect(ctx context.Context, j *Job, a *action.Redirect) error {
	err := x.sendRedirect(ctx, j, a)
	if err == nil {
		j.Outcome.Sent = append(j.Outcome.Sent, a.Address)
		return nil
	}
	err = fmt.Errorf("redirect to %s: %w", a.Address, err)
	if !mailerr.IsPermanent(err) && !j.Outcome.done() {
		return err
	}
	j.failed(err)
	return x.keepAfter(ctx, j, slices.Contains(j.Outcome.Stored, mailstore.Inbox))
}

// send hands a message to the MTA.
func (x *Executor) send(ctx context.Context, from, to string, m *message.Message) error {
	if x.Sender == nil {
		return mailerr.Perm(errors.New("no [submission] is configured to send mail by"), "Mail cannot be sent")
	}
	return x.Sender.Send(ctx, from, []string{to}, m)
}

// pipe runs a program over the message. A program that fails must not make the
// message show up where the user did not want it: it is kept in INBOX only when
// it is stored nowhere (which also is what :try without :copy asks for).
func (x *Executor) pipe(ctx context.Context, j *Job, a *action.Pipe) error {
	err := errors.New("no programs are configured")
	if j.Pipe != nil {
		err = j.Pipe(ctx, a)
	}
	if err == nil {
		j.Outcome.Sent = append(j.Outcome.Sent, "|"+a.Program)
		return nil
	}
	err = fmt.Errorf("failed to pipe message to program %q: %w", a.Program, err)
	if a.Try {
		j.warn(err)
	} else {
		j.failed(err)
	}
	return x.keepAfter(ctx, j, j.Outcome.done())
}

// keepAfter stores the unchanged message in INBOX after a failure past the
// commit, unless it is safe already.
func (x *Executor) keepAfter(ctx context.Context, j *Job, safe bool) error {
	if safe || j.Stays {
		return nil
	}
	k := &Job{
		Store: j.Store, Owner: j.Owner, Default: mailstore.Inbox, Envelope: j.Envelope, Original: j.Original,
		Keep: &action.Store{Message: j.Original},
	}
	x.Execute(ctx, []*Job{k})
	j.Outcome.Failures = append(j.Outcome.Failures, k.Outcome.Failures...)
	j.Outcome.Stored = append(j.Outcome.Stored, k.Outcome.Stored...)
	if k.Outcome.Err != nil && j.Outcome.done() {
		j.failed(k.Outcome.Err) // the client's retry would do again what is done
		return nil
	}
	return k.Outcome.Err
}

// reject refuses the message: in the reply (ereject, or where no mail can be
// sent), else by a notification to its sender (RFC 5429 section 2.1 and 2.2).
func (x *Executor) reject(ctx context.Context, j *Job, a *action.Reject) error {
	if a.Ereject || x.RejectByReply || x.Sender == nil {
		j.Outcome.Rejected = true
		e := mailerr.Perm(fmt.Errorf("rejected by script: %s", a.Reason), replyText(a.Reason))
		e.Status = [3]int{5, 7, 1}
		return e
	}
	if j.Envelope.From == "" {
		j.warn(errors.New("reject: the sender is <>, so nobody is told"))
		return nil
	}
	err := x.send(ctx, "", j.Envelope.From, x.rejection(j, a.Reason))
	if err == nil {
		j.Outcome.Rejected = true
		return nil
	}
	err = fmt.Errorf("reject: telling %s: %w", j.Envelope.From, err)
	if !mailerr.IsPermanent(err) && !j.Outcome.done() {
		return err
	}
	j.failed(err)
	return x.keepAfter(ctx, j, false)
}

// replyText makes a reason fit for an SMTP reply: one line of ASCII, bounded.
func replyText(reason string) string {
	text := strings.Join(strings.Fields(reason), " ")
	for _, r := range text {
		if r < ' ' || r > '~' {
			return "Message rejected by the recipient's filter"
		}
	}
	return text[:min(len(text), 400)]
}
