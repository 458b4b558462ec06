package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/learn"
	"dovetail/learn/builtin"
	"dovetail/learn/queue"
	"dovetail/learn/teach"
)

func newLearnStatus(flags *cli.Flags) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the queue, who drains it, how the back ends are, and what they know",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.Load()
			if err != nil {
				return err
			}
			s, err := newLearnState(cmd.Context(), c)
			if err != nil {
				return err
			}
			if format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
			}
			return s.print(cmd.OutOrStdout(), time.Now())
		},
	}
	cli.Choice(cmd.Flags(), &format, "format", "text, or json for one object", "text", "json")
	return cmd
}

// learnState is what `learn status` prints. Its keys are an interface.
type learnState struct {
	Queue   string        `json:"queue"` // directory
	Waiting int           `json:"waiting"`
	Oldest  *time.Time    `json:"oldest"`
	Drainer string        `json:"drainer"` // the process that drains; empty: none
	Learnd  *teach.Status `json:"learnd"`  // what dovetail-learnd last said; null: nothing
	Known   []learn.Count `json:"known"`   // by the ledger

	// Builtin is what our own classifier has learned: the site first, then each user.
	Builtin []builtin.Stats `json:"builtin"`
}

func newLearnState(ctx context.Context, c *config.Config) (*learnState, error) {
	q, err := setup.Queue(c)
	if err != nil {
		return nil, err
	}
	entries, err := q.List()
	if err != nil {
		return nil, err
	}
	s := &learnState{Queue: q.Dir(), Waiting: len(entries), Drainer: drainer(q)}
	if len(entries) > 0 {
		s.Oldest = &entries[0].Lesson.At
	}
	if s.Learnd, err = readStatus(c.Learn.StatusFile); err != nil {
		return nil, err
	}
	var memory setup.Memory
	defer memory.Close()
	ledger, err := memory.Ledger(c)
	if err != nil {
		return nil, err
	}
	if s.Known, err = ledger.Count(ctx); err != nil {
		return nil, err
	}
	if slices.Contains(c.Learn.Backends, "builtin") {
		own, err := memory.Builtin(c)
		if err != nil {
			return nil, err
		}
		if s.Builtin, err = own.Stats(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// drainer tells which process drains the queue.
func drainer(q *queue.Queue) string {
	release, err := q.Lock()
	if err == nil {
		release()
		return ""
	}
	if holder := q.Holder(); holder != "" && errors.Is(err, queue.ErrLocked) {
		return holder
	}
	return err.Error()
}

// readStatus reads what dovetail-learnd has written, if it ever has.
func readStatus(file string) (*teach.Status, error) {
	text, err := os.ReadFile(file)
	if file == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the status of dovetail-learnd: %w", err)
	}
	s := new(teach.Status)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("reading the status of dovetail-learnd in %s: %w", file, err)
	}
	return s, nil
}

func (s *learnState) print(w io.Writer, now time.Time) error {
	fmt.Fprintf(w, "queue %s: %d lessons", s.Queue, s.Waiting)
	if s.Oldest != nil {
		fmt.Fprintf(w, ", the oldest %s old", now.Sub(*s.Oldest).Round(time.Second))
	}
	fmt.Fprintln(w)
	switch {
	case s.Drainer != "":
		fmt.Fprintf(w, "drained by %s\n", s.Drainer)
	default:
		fmt.Fprintln(w, "nobody drains it: start dovetail-learnd, or call dovetail learn queue run from cron")
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if s.Learnd != nil && s.Drainer != "" {
		for _, b := range s.Learnd.Backends {
			state := "up"
			if !b.Up {
				state = "DOWN"
			}
			fmt.Fprintf(table, "%s\t%s for %s\t%d waiting\t%s\n", b.Name, state, now.Sub(b.Since).Round(time.Second), b.Waiting, cli.OneLine(b.LastError))
		}
	}
	for _, k := range s.Known {
		fmt.Fprintf(table, "%s\tknows %d %s\n", k.Backend, k.N, k.Class)
	}
	if len(s.Builtin) > 0 {
		site := s.Builtin[0]
		fmt.Fprintf(table, "builtin\thas learned %d spam and %d ham of %d users, %d tokens\n", site.Spam, site.Ham, len(s.Builtin)-1, site.Tokens)
	}
	return table.Flush()
}
