package svtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	"dovetail/internal/program"
	statemem "dovetail/internal/state/mem"
	"dovetail/internal/submission"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// mailboxes is a store whose names have "." between their parts.
type mailboxes struct{ *mem.Store }

// mailbox gives a name as the store knows it: INBOX has any case, also as the
// parent of other mailboxes.
func mailbox(name string) string {
	if head, rest, ok := strings.Cut(name, "."); ok && strings.EqualFold(head, mailstore.Inbox) {
		return mailstore.Inbox + "." + rest
	}
	return name
}

func (m *mailboxes) Exists(ctx context.Context, name string) (bool, error) {
	return m.Store.Exists(ctx, mailbox(name))
}

// MailboxByID finds the mailbox NAME by the id id-of-NAME.
func (m *mailboxes) MailboxByID(ctx context.Context, id string) (string, error) {
	name, ok := strings.CutPrefix(id, "id-of-")
	if !ok {
		return "", nil
	}
	found, err := m.Exists(ctx, name)
	if err != nil || !found {
		return "", err
	}
	return name, nil
}

func (m *mailboxes) Prepare(ctx context.Context, msg *message.Message, d mailstore.Delivery) (mailstore.Pending, error) {
	d.Mailbox = mailbox(d.Mailbox)
	return m.Store.Prepare(ctx, msg, d)
}

func (s *suite) testMailboxCreate(r *engine.Run, c *engine.Call) error {
	name := c.Str(0).Eval(r)
	if err := engine.CheckMailbox(name); err != nil {
		return s.fail("failed to create mailbox '%s': %v", name, err)
	}
	s.boxes.Create(mailbox(name))
	return nil
}

// sent is a message handed to the MTA for one recipient.
type sent struct {
	from, to string
	message  *message.Message
	ask      submission.Request
}

// sender keeps outgoing mail.
type sender struct{ s *suite }

func (o sender) Send(_ context.Context, from string, to []string, m *message.Message) error {
	return o.keep(from, to, m, submission.Request{})
}

// SendAsking is for an MTA that takes all requests.
func (o sender) SendAsking(_ context.Context, from string, to []string, m *message.Message, ask submission.Request) (submission.Taken, error) {
	return submission.Taken{DSN: true, By: true}, o.keep(from, to, m, ask)
}

func (o sender) keep(from string, to []string, m *message.Message, ask submission.Request) error {
	raw, err := io.ReadAll(m.Open())
	if err != nil {
		return err
	}
	for _, rcpt := range to {
		o.s.outbox = append(o.s.outbox, sent{from, rcpt, message.Parse(raw), ask})
	}
	return nil
}

// memory remembers duplicates for the time of a test file. It knows of no earlier
// answer or redirect: Pigeonhole's tests repeat them.
type memory struct{ *statemem.Store }

// Claim is delivery.State's.
func (memory) Claim(context.Context, action.Key, time.Duration) (bool, error) { return true, nil }

// Release is delivery.State's.
func (memory) Release(context.Context, action.Key) error { return nil }

// programs runs programs as the settings say.
type programs struct{ s *suite }

func (p programs) Run(ctx context.Context, call engine.ProgramCall) ([]byte, int, error) {
	kind := string(call.Kind)
	settings := engine.Settings(p.s.applied)
	timeout, err := settings.Duration("sieve_"+kind+"_exec_timeout", program.DefaultTimeout)
	if err != nil {
		return nil, 0, err
	}
	runner := program.Runner{
		Dir: p.s.setting("sieve_" + kind + "_bin_dir"), Timeout: timeout * time.Duration(max(p.s.opts.Patience, 1)),
		LF: p.s.setting("sieve_"+kind+"_input_eol") == "lf",
	}
	e := p.s.envelope
	var out bytes.Buffer
	job := program.Job{
		Name: call.Name, Args: call.Args, Input: call.Stdin,
		Env: program.Env{
			User: user, Home: p.s.env.Home, Host: p.s.env.Items["host"],
			Sender: e.From, Recipient: e.To, OrigRecipient: e.OrigTo,
		},
	}
	if call.Output {
		job.Output = &out
	}
	res, err := runner.Run(ctx, job)
	var missing *program.LookupError
	if errors.As(err, &missing) {
		return nil, 0, fmt.Errorf("%w: %w", engine.ErrNoProgram, err)
	}
	return out.Bytes(), res.Status, err
}

// pipe runs the program of a pipe action. What went wrong with it is logged
// here, that the pipe failed by its caller.
func (s *suite) pipe(ctx context.Context, a *action.Pipe) error {
	_, exit, err := programs{s}.Run(ctx, engine.ProgramCall{
		Kind: engine.ProgramPipe, Name: a.Program, Args: a.Args, Stdin: a.Message.Open(),
	})
	switch {
	case errors.Is(err, program.ErrTimeout):
		s.log("program `%s' was terminated: %v", a.Program, program.ErrTimeout)
		return err
	case err != nil:
		return err
	case exit != 0:
		return fmt.Errorf("exit status %d", exit)
	}
	return nil
}
