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
	mail := &expire.User{Store: store, Query: s.query, Stat: s.stat, Act: rights.Do}
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
		failed := func(err error) { s.note(fmt.Errorf("user %s: mailbox %s: %w", name, mailbox, err)) }
		var failures expire.Failures
		mail.Failed = func(_ string, err error) {
			if failures.Add(err) {
				failed(err)
			}
		}
		err := s.mailbox(ctx, mail, name, mailbox)
		if rest := failures.Rest(); rest != nil {
			failed(rest)
		}
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			failed(err)
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
