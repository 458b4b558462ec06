package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"dovetail/expire"
	"dovetail/internal/cli"
)

func newSearchCommand(flags *cli.Flags) *cobra.Command {
	o := &sweepOptions{}
	cmd := &cobra.Command{
		Use:   "search [-u USER|-A|-F FILE] QUERY...",
		Short: "Find stored messages, as doveadm search does",
		Long: `Find stored messages and print for each the id of its mailbox and its UID, with
several users the name of the user in front. A mailbox that Dovecot has not opened
yet has no id ("-"); its messages have the UIDs that Dovecot will give them.

` + sweepHelp,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, words []string) error {
			s, err := o.newSweep(cmd, flags, words)
			if err != nil {
				return err
			}
			out := &matchOutput{w: cmd.OutOrStdout(), format: o.format, users: s.many()}
			s.stat = o.format == "json"
			s.mailbox = func(ctx context.Context, u *expire.User, user, mailbox string) error {
				n := 0
				err := u.Search(ctx, mailbox, func(m expire.Match) error { n++; return out.found(user, &m) })
				if o.verbose && n > 0 {
					s.say("user %s: mailbox %s: %d messages", user, mailbox, n)
				}
				return err
			}
			return s.run(cmd.Context())
		},
	}
	o.add(cmd)
	return cmd
}

// matchOutput prints messages.
type matchOutput struct {
	w      io.Writer
	format string
	users  bool // their names are printed
}

// matched is the object that --format json prints for a message. Its keys are an interface.
type matched struct {
	User     string    `json:"user"`
	Mailbox  string    `json:"mailbox"`
	UID      uint32    `json:"uid"`
	File     string    `json:"file"`
	Size     int64     `json:"size"`
	Received time.Time `json:"received"`
	Flags    []string  `json:"flags"`
}

// found prints a message as doveadm does.
func (o *matchOutput) found(user string, m *expire.Match) error {
	if o.format == "json" {
		return o.object(user, m)
	}
	id := m.MailboxID
	if id == "" {
		id = "-"
	}
	if o.users {
		id = user + " " + id
	}
	_, err := fmt.Fprintf(o.w, "%s %d\n", id, m.UID)
	return err
}

func (o *matchOutput) object(user string, m *expire.Match) error {
	size, err := m.Bytes()
	if err != nil {
		return err
	}
	object := matched{User: user, Mailbox: m.Mailbox, UID: m.UID, File: m.Path, Size: size, Flags: m.Flags()}
	if object.Flags == nil {
		object.Flags = []string{}
	}
	if m.Status != nil {
		object.Received = m.Status.Received.UTC()
	}
	enc := json.NewEncoder(o.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(object)
}
