package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/imapurl"
	"dovetail/internal/tuning"
	"dovetail/learn"
	"dovetail/learn/bulk"
	"dovetail/learn/source"
)

// bulkOptions are the flags of `learn bulk`.
type bulkOptions struct {
	user, since, password, format string
	jobs                          int
	dryRun                        bool
}

func newLearnBulk(flags *cli.Flags) *cobra.Command {
	o := bulkOptions{}
	cmd := &cobra.Command{
		Use:   "bulk spam|ham SOURCE...",
		Short: "Teach whole folders",
		Long: `Teach all messages of the sources, without the queue. What the ledger has
already is not taught again, so after an interruption the same command goes on.

A SOURCE is a Maildir with its subfolders, an mbox file, a directory of messages,
one message, or a folder of an IMAP server: imaps://USER@HOST/FOLDER. Messages and
mbox files may be compressed (gzip, bzip2, zstd). Those of a user are to be named with
-u; without it the site as a whole learns. For --since a message of an mbox file is as
old as its field Date, any other as old as its file, or as the server says.

With --format json one object is printed: messages (found), unreadable and twice (of
these), backends (of each: name, outcomes with their numbers, failed, error), dry_run,
seconds and error. It is printed, as the text is, also after an error or a signal.

Exit status: 0, also when single messages cannot be read; 64 wrong usage, 66 when a
source cannot be opened, 67 no such user, 75 when a source broke off, messages could not
be taught or a signal came (call it again), 78 broken configuration.`,
		Example: `  dovetail learn bulk spam -u user1 ~user1/Maildir/.Junk
  dovetail learn bulk ham --since 4w /srv/mail/user1/.Maildir/Archive old.mbox.gz
  DOVETAIL_IMAP_PASSWORD=... dovetail learn bulk spam imaps://user@mail.example.org/Junk`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			class, err := learn.ParseClass(args[0])
			if err == nil && (o.jobs < 1 || o.jobs > 64) {
				err = fmt.Errorf("flag --jobs: %d is not between 1 and 64", o.jobs)
			}
			if err != nil {
				return cli.Usage(err)
			}
			c, err := flags.Load()
			if err != nil {
				return err
			}
			return o.run(cmd, c, class, args[1:])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.user, "user", "u", "", "who learns, a name or an address (default: the site)")
	f.StringVar(&o.since, "since", "", "only messages received since `TIME`: 1d, 4w, 2026-11-01")
	f.IntVar(&o.jobs, "jobs", 8, "messages at once, for back ends that can")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "teach nothing, tell what is not known yet")
	f.StringVar(&o.password, "password-file", "", "`file` with the IMAP password (default: $"+imapurl.PasswordVariable+")")
	cli.Choice(f, &o.format, "format", "text, or json for one object", "text", "json")
	return cmd
}

func (o *bulkOptions) run(cmd *cobra.Command, c *config.Config, class learn.Class, names []string) error {
	tuning.Heap()
	if !slices.Contains(c.Learn.Backends, "builtin") { // which works in here
		tuning.Aside()
	}
	var memory setup.Memory
	defer memory.Close()
	t, err := memory.Teaching(c, o.jobs)
	if err != nil {
		return err
	}
	options := bulk.Options{Class: class, Pupils: t.Pupils, DryRun: o.dryRun, Now: time.Now}
	if o.user != "" {
		rcpt, err := t.Users.ResolveUser(cmd.Context(), o.user)
		if err != nil {
			return err
		}
		options.User = rcpt.User.Name
	}
	sources, closeAll, err := o.open(cmd.Context(), names)
	defer closeAll()
	if err != nil {
		return err
	}
	out := &bulkOutput{w: cmd.OutOrStdout(), errors: cmd.ErrOrStderr(), format: o.format, dryRun: o.dryRun, start: time.Now()}
	out.progress(sources)
	options.Done, options.Problem = out.done, out.problem
	summary, err := bulk.Run(cmd.Context(), sources, options)
	return out.end(summary, err)
}

// open opens all sources before any is taught.
func (o *bulkOptions) open(ctx context.Context, names []string) (sources []source.Source, closeAll func(), err error) {
	closeAll = func() {
		for _, s := range sources {
			s.Close()
		}
	}
	so := source.Options{Password: func() (string, error) { return imapurl.Password(o.password) }}
	if o.since != "" {
		if so.Since, err = since(o.since, time.Now()); err != nil {
			return nil, closeAll, cli.Usage(err)
		}
	}
	for _, name := range names {
		s, err := source.Open(ctx, name, so)
		if err != nil {
			return sources, closeAll, noInput(err)
		}
		sources = append(sources, s)
	}
	return sources, closeAll, nil
}

// since reads a time: so long ago, or the beginning of a day here.
func since(s string, now time.Time) (time.Time, error) {
	if d, err := config.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, now.Location())
	if err != nil {
		return t, fmt.Errorf("flag --since: %q is neither an interval such as 4w nor a day such as 2026-11-01", s)
	}
	return t, nil
}

// bulkOutput shows how it goes, and what became of it.
type bulkOutput struct {
	w, errors io.Writer
	bar       *progress
	format    string
	dryRun    bool
	start     time.Time
	problems  int // messages that cannot be read
}

// maxProblemsTold bounds the messages that are told of one by one.
const maxProblemsTold = 20

// progress shows a bar on a terminal, with rate and time left where the number of
// messages is known.
func (o *bulkOutput) progress(sources []source.Source) {
	o.bar = newProgress(o.errors, func() (total int64) {
		for _, s := range sources {
			n := s.Total()
			if n < 0 {
				return -1
			}
			total += int64(n)
		}
		return total
	}, inMessages()...)
}

func (o *bulkOutput) done(messages int) { o.bar.add(messages) }

func (o *bulkOutput) problem(err error) {
	if o.problems++; o.problems > maxProblemsTold {
		return
	}
	o.bar.clear()
	fmt.Fprintln(o.errors, cli.OneLine(err.Error()))
}

// bulkSummary is what --format json prints. The keys are an interface.
type bulkSummary struct {
	*bulk.Summary
	DryRun  bool    `json:"dry_run"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error"`
}

// end prints the summary, which holds in case of an error, too.
func (o *bulkOutput) end(s *bulk.Summary, err error) error {
	o.bar.finish()
	if more := o.problems - maxProblemsTold; more > 0 {
		fmt.Fprintf(o.errors, "%d more messages cannot be read\n", more)
	}
	seconds := time.Since(o.start).Seconds()
	var printing error
	if o.format == "json" {
		object := bulkSummary{s, o.dryRun, seconds, ""}
		if err != nil {
			object.Error = err.Error()
		}
		printing = json.NewEncoder(o.w).Encode(object)
	} else {
		printing = o.table(s, seconds)
	}
	if err != nil {
		return err
	}
	for _, b := range s.Backends {
		if b.Failed > 0 {
			return fmt.Errorf("%s did not take %d of the messages, the last one for: %s", b.Name, b.Failed, b.Error)
		}
	}
	return printing
}

// table prints the outcomes of each back end.
func (o *bulkOutput) table(s *bulk.Summary, seconds float64) error {
	var extra []string
	if s.Twice > 0 {
		extra = append(extra, fmt.Sprintf("%d of them copies of others", s.Twice))
	}
	if s.Unreadable > 0 {
		extra = append(extra, fmt.Sprintf("%d cannot be read", s.Unreadable))
	}
	if o.dryRun {
		extra = append(extra, "nothing was taught")
	}
	fmt.Fprintf(o.w, "%d messages in %.1f s (%.0f a second)", s.Messages, seconds, float64(s.Messages)/max(seconds, 0.001))
	fmt.Fprintln(o.w, strings.Join(append([]string{""}, extra...), ", "))
	table := tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	for _, b := range s.Backends {
		fmt.Fprint(table, b.Name)
		for _, outcome := range slices.Sorted(maps.Keys(b.Outcomes)) {
			fmt.Fprintf(table, "\t%s %d", outcome, b.Outcomes[outcome])
		}
		if b.Failed > 0 {
			fmt.Fprintf(table, "\tfailed %d", b.Failed)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}
