package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/learn/queue"
)

func newLearnQueue(flags *cli.Flags) *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Look at lessons that wait, teach them now, or drop them"}
	cmd.AddCommand(newLearnQueueList(flags), newLearnQueueRun(flags), newLearnQueueDrop(flags))
	return cmd
}

func newLearnQueueList(flags *cli.Flags) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the lessons that wait, the oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			q, err := setup.Queue(c)
			if err != nil {
				return err
			}
			entries, err := q.List()
			if printing := printQueue(cmd.OutOrStdout(), format, entries, time.Now()); err == nil {
				err = printing
			}
			return err
		},
	}
	cli.Choice(cmd.Flags(), &format, "format", "text, or json for an object per lesson", "text", "json")
	return cmd
}

// queued is the object that --format json prints for a lesson. Its keys are an interface.
type queued struct {
	ID    string `json:"id"`
	User  string `json:"user"`
	Class string `json:"class"`
	At    string `json:"at"` // RFC 3339
	Orig  string `json:"origin"`
	Cause string `json:"cause"`
	From  string `json:"from"`
	To    string `json:"to"`
	Size  int64  `json:"size"` // bytes of the message
	Owner uint32 `json:"owner"`
	Error string `json:"error"` // why it cannot be taught
}

func printQueue(w io.Writer, format string, entries []queue.Entry, now time.Time) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		for _, e := range entries {
			l := e.Lesson
			object := queued{e.ID, l.User, string(l.Class), l.At.UTC().Format(time.RFC3339), string(l.Origin), l.Cause, l.From, l.To, e.Size, e.Owner, ""}
			if e.Err != nil {
				object.Error = e.Err.Error()
			}
			if err := enc.Encode(object); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		if e.Err != nil {
			fmt.Fprintf(table, "%s\t%s\n", e.ID, cli.OneLine(e.Err.Error()))
			continue
		}
		fmt.Fprintf(table, "%s\t%s old\t%s\t%s\t%s\t%d bytes\n", e.ID, now.Sub(e.Lesson.At).Round(time.Second), cmp.Or(e.Lesson.User, "(site)"), e.Lesson.Class, e.Lesson.Origin, e.Size)
	}
	return table.Flush()
}

func newLearnQueueRun(flags *cli.Flags) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Teach what waits now, where no dovetail-learnd runs",
		Long: `Teach the lessons that wait, once; a log line on standard error for each. While
dovetail-learnd runs that is its work: it tries a back end that is down every minute.

Exit status: 0 nothing is left, 75 lessons are left or another process drains the
queue, 78 broken configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			var memory setup.Memory
			defer memory.Close()
			t, err := memory.Teaching(c, 0)
			if err != nil {
				return err
			}
			release, err := t.Queue.Lock()
			if errors.Is(err, queue.ErrLocked) {
				return fmt.Errorf("%w: %s", err, t.Queue.Holder())
			}
			if err != nil {
				return err
			}
			defer release()
			if left := t.Teacher(slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))).Drain(cmd.Context()); left > 0 {
				return fmt.Errorf("%d lessons are left in the queue", left)
			}
			return nil
		},
	}
}

func newLearnQueueDrop(flags *cli.Flags) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "drop ID...",
		Short: "Take lessons off the queue, untaught",
		RunE: func(cmd *cobra.Command, ids []string) error {
			if all == (len(ids) > 0) {
				return cli.Usage(errors.New("name lessons, as queue list does, or give --all"))
			}
			c, err := flags.Load()
			if err != nil {
				return err
			}
			q, err := setup.Queue(c)
			if err != nil {
				return err
			}
			if all {
				if ids, err = q.IDs(); err != nil {
					return err
				}
			}
			for _, id := range ids {
				if _, err := q.Entry(id); err != nil && !all {
					return noInput(fmt.Errorf("lesson %s: %w", id, err))
				}
			}
			if err := q.Remove(ids...); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d lessons dropped\n", len(ids))
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all lessons")
	return cmd
}
