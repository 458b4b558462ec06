package main

import (
	"context"
	"fmt"
	"slices"

	"dovetail/expire"
	"dovetail/expire/query"
)

// user does the work for one user, with the user's rights.
func (s *sweep) user(ctx context.Context, name string) error {
	u, store, rights, err := s.resolve(ctx, name)
	if err != nil {
		return err
	}
	mail := &expire.User{Store: store, Query: s.query, Stat: s.stat}
	mail.Failed = func(mailbox string, err error) { s.note(fmt.Errorf("user %s: mailbox %s: %w", u.Name, mailbox, err)) }
	mail.Act = rights.Do
	return rights.Do(func() error { return s.mailboxes(ctx, mail, u.Name) })
}

func (s *sweep) mailboxes(ctx context.Context, mail *expire.User, name string) error {
	there, missing, err := mail.Mailboxes(ctx)
	if err != nil {
		return err
	}
	s.missing(name, missing)
	if s.childrenFirst {
		slices.Reverse(there)
	}
	for _, mailbox := range there {
		if err := s.mailbox(ctx, mail, name, mailbox); err != nil {
			if ctx.Err() != nil {
				return err
			}
			s.note(fmt.Errorf("user %s: mailbox %s: %w", name, mailbox, err))
		}
	}
	return nil
}

// missing tells of mailboxes that the query names and that are not there.
func (s *sweep) missing(name string, missing []string) {
	for _, mailbox := range missing {
		err := fmt.Errorf("user %s: mailbox %s doesn't exist", name, mailbox)
		switch {
		case s.many():
		case s.rules == query.Dovecot23:
			s.note(exit(err, exNotFound))
		default:
			s.say("warning: %v", err)
		}
	}
}
