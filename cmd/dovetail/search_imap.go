package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"dovetail/expire/remote"
	"dovetail/internal/cli"
	"dovetail/internal/imapurl"
	"dovetail/internal/mailerr"
)

// atServer makes it a run on an IMAP server.
func (s *sweep) atServer() error {
	o := s.options
	if o.user != "" || o.all || o.file != "" {
		return cli.Usage(errors.New("flag --imap names the user in its URL; -u, -A and -F are for mail on this machine"))
	}
	var err error
	s.work = s.account
	if s.url, err = imapurl.Parse(o.imap); err != nil {
		return cli.Usage(fmt.Errorf("flag --imap: %w", err))
	}
	if s.password, err = imapurl.Password(o.imapPassword); err != nil {
		return cli.Usage(fmt.Errorf("flag --imap: %w", err))
	}
	return nil
}

// account does the work in the mailboxes of an account.
func (s *sweep) account(ctx context.Context, name string) error {
	a, err := remote.Open(ctx, s.url, s.password)
	if err != nil {
		return refused(err)
	}
	defer a.Close() // nothing is lost with it
	there, missing, err := a.Mailboxes(s.query)
	if err != nil {
		return err
	}
	s.missing(name, missing)
	for _, mailbox := range there {
		err := s.remote(ctx, a, name, mailbox)
		if err == nil {
			continue
		}
		err = fmt.Errorf("mailbox %s: %w", mailbox, err)
		switch {
		case errors.Is(err, remote.ErrCannot):
			return badData(err)
		case errors.Is(err, remote.ErrLost), ctx.Err() != nil:
			if ctx.Err() != nil { // what is said at the end does not tell how far it came
				s.say("user %s: %v", name, err)
			}
			return err
		}
		s.note(fmt.Errorf("user %s: %w", name, err))
	}
	return nil
}

// refused gives the error of a server that does not let the user in its status.
func refused(err error) error {
	var answer *imap.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Code {
	case "", imap.ResponseCodeAuthenticationFailed, imap.ResponseCodeAuthorizationFailed:
		return exit(err, mailerr.ExNoPerm)
	}
	return err
}

// remoteSearch prints what is found in a mailbox of an IMAP server.
func (s *sweep) remoteSearch(out *matchOutput) func(context.Context, *remote.Account, string, string) error {
	return func(ctx context.Context, a *remote.Account, user, mailbox string) error {
		n := 0
		err := a.Search(ctx, mailbox, s.query, out.format == "json", func(m remote.Message) error {
			n++
			if out.format == "json" {
				return out.object(remoteRow(user, m))
			}
			return out.line(user, m.Mailbox, m.UID)
		})
		if s.options.verbose && n > 0 {
			s.say("user %s: mailbox %s: %d messages", user, mailbox, n)
		}
		return err
	}
}

func remoteRow(user string, m remote.Message) matched {
	return matched{User: user, Mailbox: m.Mailbox, UID: m.UID, Size: m.Size, Received: m.Received.UTC(), Flags: m.Flags}
}

// remoteMailbox removes messages in a mailbox of an IMAP server.
func (e *expunger) remoteMailbox(ctx context.Context, a *remote.Account, user, mailbox string) error {
	o, q := e.options, e.sweep.query
	gone := func(m remote.Message) {
		e.count(m.Size, func() (matched, error) { return remoteRow(user, m), nil })
	}
	return e.counted(user, mailbox, func() error {
		if o.dryRun {
			return a.Search(ctx, mailbox, q, true, func(m remote.Message) error { gone(m); return e.err })
		}
		return a.Expunge(ctx, mailbox, q, o.verbose || o.format == "json", gone)
	})
}
