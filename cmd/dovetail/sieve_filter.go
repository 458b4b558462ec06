package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/delivery"
	"dovetail/internal/filter"
	"dovetail/sieve"
)

// filterOptions are the flags of `sieve filter`.
type filterOptions struct {
	filter.Options
	user, format    string
	global, verbose bool
}

func newSieveFilter(flags *cli.Flags) *cobra.Command {
	o := filterOptions{}
	cmd := &cobra.Command{
		Use:   "filter -u USER [-e] [-W] SCRIPT MAILBOX [keep|delete|expunge|move MAILBOX]",
		Short: "Run a script over mail that is stored already",
		Long: `Run a script over all messages of a mailbox, as Pigeonhole's sieve-filter does.
Without -e it only tells what would happen, a line for each message that would
not be left as it is, and runs no program. With -e it happens. Without -W the
mailbox itself is never changed: messages are copied where the script files them.
With -W they move, get the flags of the script, and an edited header. A message
is removed only after its copy is on disk, and stays when anything fails.

The last arguments say what becomes of messages that the script keeps nowhere:
they are kept (the default), flagged \Deleted, expunged for good, or moved.
These, too, need -W.

No mail is sent: redirects need --send, and reject, vacation and notify are left
out always. A message that only was to be sent stays.

Exit status: 0, 1 when the script is broken or a message could not be treated, 64
wrong usage, 66 when the script cannot be read, 67 no such user, 75 temporary
failure, 78 broken configuration.`,
		Args: cobra.RangeArgs(2, 4),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(args); err != nil {
				return cli.Usage(err)
			}
			return o.run(cmd, flags, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.user, "user", "u", "", "whose mail it is: a name or an address (default: who calls)")
	f.BoolVarP(&o.Execute, "execute", "e", false, "do it, instead of only telling")
	f.BoolVarP(&o.Write, "write", "W", false, "allow changes of the mailbox itself")
	f.StringVarP(&o.Default, "default-mailbox", "m", "", "`mailbox` where keep stores (default: where the message is)")
	f.BoolVar(&o.Send, "send", false, "send what is redirected")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print messages that are left as they are, too")
	cli.Choice(f, &o.format, "format", "text, or json for an object per message and a last one with the totals", "text", "json")
	f.BoolVar(&o.global, "global", false, "allow what only the site's scripts may use")
	return cmd
}

// parse reads the arguments after the flags.
func (o *filterOptions) parse(args []string) error {
	o.Mailbox = args[1]
	what, rest := "keep", args[2:]
	if len(rest) > 0 {
		what, rest = rest[0], rest[1:]
	}
	want := 0
	switch what {
	case "keep":
	case "delete":
		o.Discard = filter.DiscardDelete
	case "expunge":
		o.Discard = filter.DiscardExpunge
	case "move":
		o.Discard, want = filter.DiscardMove, 1
	default:
		return fmt.Errorf("%q is none of keep, delete, expunge, move", what)
	}
	if len(rest) != want {
		return fmt.Errorf("%q takes %d further argument(s), not %d", what, want, len(rest))
	}
	if want == 1 {
		o.Trash = rest[0]
	}
	if o.user == "" {
		me, err := user.Current()
		if err != nil {
			return fmt.Errorf("flag --user is needed: %w", err)
		}
		o.user = me.Username
	}
	return nil
}

func (o *filterOptions) run(cmd *cobra.Command, flags *cli.Flags, script string) error {
	c, err := flags.Load()
	if err != nil {
		return err
	}
	d, err := setup.Delivery(c, "doveadm", nil, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	if err != nil {
		return err
	}
	engine, err := cli.Engine(c)
	if err != nil {
		return err
	}
	src, err := os.ReadFile(script)
	if err != nil {
		return noInput(err)
	}
	program, findings := engine.CompileFrom(script, src, o.global,
		sieve.Folders{Personal: filepath.Dir(script), Global: c.Sieve.GlobalFolder()})
	if findings.HasErrors() {
		return failed(findings)
	}
	r, err := d.Resident(cmd.Context(), o.user)
	if err != nil {
		return err
	}
	return o.filter(cmd, program, r)
}

// filter runs the script and prints what becomes of the messages.
func (o *filterOptions) filter(cmd *cobra.Command, p *sieve.Program, r *delivery.Resident) error {
	out := filterOutput{w: cmd.OutOrStdout(), bar: o.progress(cmd, r), options: o, plans: map[string]int{}}
	err := filter.Run(cmd.Context(), p, r, o.Options, out.message)
	out.bar.clear()
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	if out.failed > 0 {
		return failed(fmt.Errorf("%d of %d messages could not be treated and stay", out.failed, out.messages))
	}
	return nil
}

// progress makes a progress bar where somebody sees it, else none.
func (o *filterOptions) progress(cmd *cobra.Command, r *delivery.Resident) *progress {
	total := func() int64 { return int64(countMessages(cmd.Context(), r, o.Mailbox)) }
	return newProgress(cmd.ErrOrStderr(), total, append(inMessages(), progressbar.OptionSetDescription(o.Mailbox), progressbar.OptionFullWidth())...)
}

// countMessages gives the length of the progress bar: -1 when it is not known.
func countMessages(ctx context.Context, r *delivery.Resident, mailbox string) int {
	store, ok := r.Store.(interface {
		Count(ctx context.Context, mailbox string) (int, error)
	})
	n := -1
	if ok {
		err := r.Owner.Do(func() (err error) { n, err = store.Count(ctx, mailbox); return err })
		if err != nil {
			return -1 // the run itself will say so
		}
	}
	return n
}
