package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// besideTime bounds all mail together that is sent beside one message, for all its
// recipients: the client waits for its replies meanwhile, and after minutes gives up and
// sends all again. With an MTA that does not answer, a message to a hundred people on
// holiday, or ten notifications to several people each, would take that long.
const besideTime = time.Minute

// tell sends answers and notifications.
func (x *Executor) tell(ctx context.Context, j *Job) {
	if j.Outcome.Err == nil {
		for _, a := range j.answers {
			x.respond(ctx, j, a)
		}
	}
	if j.Outcome.Err == nil || j.Outcome.Rejected {
		for _, n := range j.notices {
			x.notify(ctx, j, n)
		}
	}
}

// respond answers the sender, unless that was done already. The claim comes
// before the sending, so that nobody gets two answers whatever breaks; with a
// State that fails nobody gets any. What fails is only logged.
func (x *Executor) respond(ctx context.Context, j *Job, a *action.Respond) {
	if a.Withheld != "" {
		return
	}
	if x.Sender == nil {
		j.warn(errors.New("vacation: no [submission] is configured to send mail by"))
		return
	}
	state := memory{x.State}
	won, err := state.claim(ctx, a.Once, a.Period)
	if err != nil {
		j.warn(fmt.Errorf("vacation: no response is sent to %s, since it is not known whether one was before: %w", a.To, err))
		return
	}
	if !won {
		return
	}
	m := a.Message.Prepend(
		message.RawField(headerSieve, "dovetail"),
		message.RawField("Message-ID", x.messageID()),
		message.RawField("Date", x.Now().Format(time.RFC1123Z)),
	)
	if err := x.Sender.Send(ctx, a.From, []string{a.To}, m); err != nil {
		j.warn(fmt.Errorf("failed to send vacation response to %s: %w", a.To, err))
		if !uncertain(err) {
			if err := state.release(ctx, a.Once, a.Period); err != nil {
				j.warn(fmt.Errorf("vacation: %s counts as answered: %w", a.To, err))
			}
		}
		return
	}
	j.Outcome.Answered = append(j.Outcome.Answered, a.To)
	if a.Copy != nil {
		x.storeCopy(ctx, j, a.Copy, m)
	}
}

// uncertain tells whether the MTA may have a message though sending it failed:
// the connection broke before it had answered.
func uncertain(err error) bool {
	for _, e := range []error{context.DeadlineExceeded, context.Canceled, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// storeCopy stores a message that was sent (fcc, RFC 8580). As with fileinto a
// mailbox that cannot be used leads to INBOX; what else fails is only logged.
func (x *Executor) storeCopy(ctx context.Context, j *Job, a *action.Store, m *message.Message) {
	s := *a
	s.Message = m
	k := &Job{
		Store: j.Store, Owner: j.Owner, Default: j.Default, Envelope: j.Envelope,
		Original: m, Actions: []action.Action{&s},
	}
	x.Execute(ctx, []*Job{k})
	for _, err := range append(k.Outcome.Failures, k.Outcome.Err) {
		if err != nil {
			j.warn(fmt.Errorf("fcc: %w", err))
		}
	}
}
