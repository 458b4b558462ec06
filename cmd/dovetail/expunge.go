package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dovetail/expire"
	"dovetail/internal/cli"
	"dovetail/internal/mailstore"
	"dovetail/maildir"
)

// expungeOptions are the flags of `expunge`.
type expungeOptions struct {
	sweepOptions
	dryRun, deleteEmpty bool
}

func newExpungeCommand(flags *cli.Flags) *cobra.Command {
	o := &expungeOptions{}
	cmd := &cobra.Command{
		Use:   "expunge [-u USER|-A|-F FILE|--imap URL] [-n] [-d] QUERY...",
		Short: "Remove stored messages for good, as doveadm expunge does",
		Long: `Remove stored messages for good, straight in the Maildirs, beside a running
Dovecot. Each branch of the query must name a MAILBOX and something else. With -n
nothing is removed, and what would go is printed.

A message whose flags somebody changes meanwhile stays, and so does one that
cannot be read.

With -d a mailbox that is empty afterwards is removed, and unsubscribed. It stays
where it has mailboxes below it, got mail meanwhile, or holds files of others; -v
tells why. INBOX cannot be removed, which is an error (status 65), as in doveadm.

` + sweepHelp,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, words []string) error {
			s, err := o.newSweep(cmd, flags, words)
			if err != nil {
				return err
			}
			if err := s.refuse(); err != nil {
				return cli.Usage(err)
			}
			if o.deleteEmpty && s.url != nil {
				return cli.Usage(errors.New("-d cannot be had with --imap: DELETE would take the mail with it that comes meanwhile"))
			}
			ctx, w, stop := untilUnheard(cmd)
			defer stop()
			e := &expunger{options: o, sweep: s, out: &matchOutput{w: w, format: o.format}}
			s.stat = o.dryRun || o.format == "json"
			s.mailbox, s.remote, s.childrenFirst = e.mailbox, e.remoteMailbox, o.deleteEmpty
			return errors.Join(s.run(ctx), e.end())
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVarP(&o.dryRun, "dry-run", "n", false, "remove nothing, and print what would go")
	cmd.Flags().BoolVarP(&o.deleteEmpty, "delete-empty-mailbox", "d", false, "remove the mailbox too when it is empty afterwards")
	return cmd
}

// refuse gives an error for a query that should not decide about what is removed.
func (s *sweep) refuse() error {
	for _, w := range s.query.Warnings {
		if w.Mixed {
			return errors.New("to avoid accidents: " + w.Text)
		}
	}
	return s.query.RequireMailbox()
}

// expunger removes messages, and counts them.
type expunger struct {
	options *expungeOptions
	sweep   *sweep
	out     *matchOutput
	err     error // of printing
	titled  bool

	messages int
	bytes    int64
}

func (e *expunger) mailbox(ctx context.Context, u *expire.User, user, mailbox string) error {
	before := e.messages
	gone := func(m expire.Match) {
		n, err := m.Bytes()
		if err != nil {
			n = 0
		}
		e.count(n, func() (matched, error) { return rowOf(user, &m) })
	}
	err := e.counted(user, mailbox, func() error {
		if e.options.dryRun {
			return u.Search(ctx, mailbox, func(m expire.Match) error { gone(m); return e.err })
		}
		return u.Expunge(ctx, mailbox, gone)
	})
	if err == nil && e.options.deleteEmpty {
		err = e.removeEmpty(ctx, u.Store, user, mailbox, e.messages-before)
	}
	return err
}

// counted tells what the work in a mailbox has removed.
func (e *expunger) counted(user, mailbox string, work func() error) error {
	before, bytes := e.messages, e.bytes
	err := work()
	if n := e.messages - before; e.options.verbose && n > 0 {
		e.sweep.say("user %s: mailbox %s: %d messages, %d bytes", user, mailbox, n, e.bytes-bytes)
	}
	return err
}

// removeEmpty removes a mailbox that is empty, or tells in a dry run that it would be
// with n messages less.
func (e *expunger) removeEmpty(ctx context.Context, store *maildir.Store, user, mailbox string, n int) error {
	if e.options.dryRun {
		if there, err := store.Count(ctx, mailbox); err != nil || there > n || mailbox == mailstore.Inbox {
			return err
		}
		e.sweep.say("user %s: mailbox %s would be empty, and so be removed unless it has mailboxes below it", user, mailbox)
		return nil
	}
	err := store.RemoveFolder(ctx, mailbox)
	switch {
	case errors.Is(err, maildir.ErrInbox):
		return badData(err)
	case errors.Is(err, maildir.ErrKept), errors.Is(err, mailstore.ErrNoMailbox):
		if e.options.verbose {
			e.sweep.say("user %s: %v", user, err)
		}
		return nil
	case err == nil && e.options.verbose:
		e.sweep.say("user %s: mailbox %s: removed", user, mailbox)
	}
	return err
}

// count takes in a message that is gone, or would go; row gives what is printed of it.
func (e *expunger) count(bytes int64, row func() (matched, error)) {
	e.messages++
	e.bytes += bytes
	if e.err != nil || e.options.format != "json" && !e.options.dryRun {
		return
	}
	r, err := row()
	switch {
	case err != nil:
		e.err = err
	case e.options.format == "json":
		e.err = e.out.object(r)
	default:
		e.err = e.row(r)
	}
}

func (e *expunger) row(m matched) error {
	const format = "%-20s  %-20s  %10v  %10v  %s\n"
	if !e.titled {
		e.titled = true
		if _, err := fmt.Fprintf(e.out.w, format, "User", "Mailbox", "UID", "Bytes", "Received"); err != nil {
			return err
		}
	}
	received := ""
	if !m.Received.IsZero() {
		received = m.Received.Local().Format(time.DateTime)
	}
	_, err := fmt.Fprintf(e.out.w, format, cli.OneLine(m.User), cli.OneLine(m.Mailbox), m.UID, m.Size, received)
	return err
}

// end prints the totals of a dry run.
func (e *expunger) end() error {
	if e.err != nil || e.options.format == "json" || !e.options.dryRun {
		return e.err
	}
	_, err := fmt.Fprintf(e.out.w, "%d messages, %d bytes: nothing was removed, as -n was given\n", e.messages, e.bytes)
	return err
}
