package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"dovetail/expire"
	"dovetail/internal/cli"
)

func newSearchCommand(flags *cli.Flags) *cobra.Command {
	o := &sweepOptions{}
	cmd := &cobra.Command{
		Use:   "search [-u USER|-A|-F FILE|--imap URL] QUERY...",
		Short: "Find stored messages, as doveadm search does",
		Long: `Find stored messages and print for each the id of its mailbox and its UID, with
several users the name of the user in front. A mailbox that Dovecot has not opened
yet has no id ("-"); its messages have the UIDs that Dovecot will give them. With
--imap the mailbox's name stands for its id.

` + sweepHelp,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, words []string) error {
			s, err := o.newSweep(cmd, flags, words)
			if err != nil {
				return err
			}
			ctx, w, stop := untilUnheard(cmd)
			defer stop()
			buffer := bufio.NewWriter(w)
			out := &matchOutput{w: buffer, format: o.format, users: s.many()}
			s.stat = o.format == "json"
			s.mailbox = func(ctx context.Context, u *expire.User, user, mailbox string) error {
				n := 0
				err := u.Search(ctx, mailbox, func(m expire.Match) error { n++; return out.found(user, &m) })
				err = errors.Join(err, buffer.Flush())
				if o.verbose && n > 0 {
					s.say("user %s: mailbox %s: %d messages", user, mailbox, n)
				}
				return err
			}
			s.remote = s.remoteSearch(out)
			return errors.Join(s.run(ctx), buffer.Flush())
		},
	}
	o.add(cmd)
	return cmd
}

// untilUnheard gives where a command prints its results, and a context that ends when that
// fails: what is found or removed from then on nobody gets to know.
func untilUnheard(cmd *cobra.Command) (context.Context, io.Writer, context.CancelFunc) {
	ctx, cancel := context.WithCancel(cmd.Context())
	return ctx, &heard{cmd.OutOrStdout(), cancel}, cancel
}

type heard struct {
	io.Writer
	failed func()
}

func (h *heard) Write(p []byte) (int, error) {
	n, err := h.Writer.Write(p)
	if err != nil {
		h.failed()
	}
	return n, err
}

// matchOutput prints messages.
type matchOutput struct {
	w      io.Writer
	format string
	users  bool // their names are printed

	of    [2]string // user and mailbox of the last line
	begin string    // of that line
	text  []byte
}

// matched is the object that --format json prints for a message. Its keys are an interface.
type matched struct {
	User     string    `json:"user"`
	Mailbox  string    `json:"mailbox"`
	UID      uint32    `json:"uid"`
	File     string    `json:"file"` // "" on an IMAP server
	Size     int64     `json:"size"`
	Received time.Time `json:"received"`
	Flags    []string  `json:"flags"`
}

// found prints a message.
func (o *matchOutput) found(user string, m *expire.Match) error {
	if o.format == "json" {
		row, err := rowOf(user, m)
		if err != nil {
			return err
		}
		return o.object(row)
	}
	id := m.MailboxID()
	if id == "" {
		id = "-"
	}
	return o.line(user, id, m.UID)
}

// line prints a message as doveadm does.
func (o *matchOutput) line(user, mailbox string, uid uint32) error {
	if of := [2]string{user, mailbox}; of != o.of || o.begin == "" {
		o.of, o.begin = of, cli.OneLine(mailbox)+" "
		if o.users {
			o.begin = cli.OneLine(user) + " " + o.begin
		}
	}
	o.text = append(o.text[:0], o.begin...)
	o.text = append(strconv.AppendUint(o.text, uint64(uid), 10), '\n')
	_, err := o.w.Write(o.text)
	return err
}

// rowOf gives what is printed of a message.
func rowOf(user string, m *expire.Match) (matched, error) {
	size, err := m.Bytes()
	row := matched{User: user, Mailbox: m.Mailbox(), UID: m.UID, File: m.Path(), Size: size, Flags: m.Flags()}
	if m.Status != nil {
		row.Received = m.Status.Received.UTC()
	}
	return row, err
}

// object prints a message as an object.
func (o *matchOutput) object(row matched) error {
	if row.Flags == nil {
		row.Flags = []string{}
	}
	enc := json.NewEncoder(o.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(row)
}
