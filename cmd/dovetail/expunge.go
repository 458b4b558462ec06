package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dovetail/expire"
	"dovetail/internal/cli"
)

// expungeOptions are the flags of `expunge`.
type expungeOptions struct {
	sweepOptions
	dryRun bool
}

func newExpungeCommand(flags *cli.Flags) *cobra.Command {
	o := &expungeOptions{}
	cmd := &cobra.Command{
		Use:   "expunge [-u USER|-A|-F FILE] [-n] QUERY...",
		Short: "Remove stored messages for good, as doveadm expunge does",
		Long: `Remove stored messages for good, straight in the Maildirs, beside a running
Dovecot. Each branch of the query must name a MAILBOX and something else. With -n
nothing is removed, and what would go is printed.

A message whose flags somebody changes meanwhile stays, and so does one that
cannot be read.

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
			e := &expunger{options: o, sweep: s, out: &matchOutput{w: cmd.OutOrStdout(), format: o.format}}
			s.stat = o.dryRun || o.format == "json"
			s.mailbox = e.mailbox
			return errors.Join(s.run(cmd.Context()), e.end())
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVarP(&o.dryRun, "dry-run", "n", false, "remove nothing, and print what would go")
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
	before, bytes := e.messages, e.bytes
	var err error
	if e.options.dryRun {
		err = u.Search(ctx, mailbox, func(m expire.Match) error {
			e.gone(user, m)
			return e.err
		})
	} else {
		err = u.Expunge(ctx, mailbox, func(m expire.Match) { e.gone(user, m) })
	}
	if n := e.messages - before; e.options.verbose && n > 0 {
		e.sweep.say("user %s: mailbox %s: %d messages, %d bytes", user, mailbox, n, e.bytes-bytes)
	}
	return err
}

// gone takes in a message that is gone, or would go.
func (e *expunger) gone(user string, m expire.Match) {
	e.messages++
	if n, err := m.Bytes(); err == nil {
		e.bytes += n
	}
	switch {
	case e.err != nil:
	case e.options.format == "json":
		e.err = e.out.object(user, &m)
	case e.options.dryRun:
		e.err = e.row(user, m)
	}
}

func (e *expunger) row(user string, m expire.Match) error {
	const format = "%-20s  %-20s  %10v  %10v  %s\n"
	if !e.titled {
		e.titled = true
		if _, err := fmt.Fprintf(e.out.w, format, "User", "Mailbox", "UID", "Bytes", "Received"); err != nil {
			return err
		}
	}
	size, err := m.Bytes()
	if err != nil {
		return err
	}
	received := ""
	if m.Status != nil {
		received = m.Status.Received.Format(time.DateTime)
	}
	_, err = fmt.Fprintf(e.out.w, format, oneLine(user), oneLine(m.Mailbox), m.UID, size, received)
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
