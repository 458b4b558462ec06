package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/handin"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/fsx"
	"dovetail/learn"
	"dovetail/learn/rule"
)

// simulateOptions are the flags of `learn simulate`.
type simulateOptions struct {
	user, said, cause, from, to, format string
	flags                               []string
}

func newLearnSimulate(flags *cli.Flags) *cobra.Command {
	o := simulateOptions{}
	cmd := &cobra.Command{
		Use:   "simulate MESSAGE",
		Short: "Show what a move, a copy or a flag would teach, and why",
		Long: `Show what would be taught by a message that is moved, copied or appended to a
folder, or gets a flag. Nothing is taught. Folders are those of [learn] junk, trash
and ignore, and of [mail] special_use. MESSAGE may be "-" for standard input.

Exit status: 0 (also when nothing would be taught), 66 when the message cannot be
read, 67 no such user, 78 when the configuration is broken.`,
		Example: `  dovetail learn simulate --cause copy --from INBOX --to Junk message.eml
  dovetail learn simulate --cause flag --flag '$NotJunk' --to Junk -u user1 message.eml
  dovetail learn simulate --said ham --from Junk --to Trash message.eml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := o.change()
			if err != nil {
				return cli.Usage(err)
			}
			c, err := flags.Load()
			if err != nil {
				return err
			}
			report, err := o.simulate(cmd.Context(), c, change, cli.Stdin(cmd), args[0])
			if err != nil {
				return err
			}
			return report.write(cmd.OutOrStdout(), o.format)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.user, "user", "u", "", "look whether this user, a name or an address, has switched learning off")
	f.StringVar(&o.said, "said", "", "what somebody says that the message is: spam (learn-spam) or ham (learn-ham)")
	f.StringVar(&o.cause, "cause", "copy", "what happens: copy (a move, too), append or flag")
	f.StringVar(&o.from, "from", "", "`folder` that the message comes from")
	f.StringVar(&o.to, "to", "", "`folder` that the message is in then")
	f.StringArrayVar(&o.flags, "flag", nil, "a `flag` that it gets, such as $Junk")
	cli.Choice(f, &o.format, "format", "text, or json for one object", "text", "json")
	return cmd
}

// change reads the flags.
func (o *simulateOptions) change() (c rule.Change, err error) {
	c = rule.Change{From: o.from, To: o.to, Flags: o.flags}
	if c.Cause, err = rule.ParseCause(o.cause); err != nil {
		return c, fmt.Errorf("flag --cause: %w", err)
	}
	if o.said != "" {
		if c.Said, err = learn.ParseClass(o.said); err != nil {
			return c, fmt.Errorf("flag --said: %w", err)
		}
	}
	return c, nil
}

// simulation is what `learn simulate` prints. The keys are an interface.
type simulation struct {
	Class    learn.Class `json:"class"` // empty: nothing
	Why      string      `json:"why"`
	User     string      `json:"user"`
	Cause    string      `json:"cause"`
	From     string      `json:"from"`
	To       string      `json:"to"`
	Size     int64       `json:"size"` // in bytes, with CRLF line ends, as Dovecot hands it over
	Hash     string      `json:"hash"` // that the ledger has it by
	Backends []string    `json:"backends"`
}

func (o *simulateOptions) simulate(ctx context.Context, c *config.Config, change rule.Change, stdin io.Reader, file string) (*simulation, error) {
	m, err := readMessage(stdin, file)
	if err != nil {
		return nil, noInput(err)
	}
	hash, err := learn.HashOf(m)
	if err != nil {
		return nil, noInput(err)
	}
	s := &simulation{Cause: change.Cause, From: change.From, To: change.To, Size: m.VirtualSize(), Hash: hash.String(), Backends: c.Learn.Backends}
	change.Size = s.Size
	if o.user != "" {
		if s.User, change.Off, err = askUser(ctx, c, o.user); err != nil {
			return nil, err
		}
	}
	d := c.Rules().Decide(change)
	s.Class, s.Why = d.Class, d.Why
	return s, nil
}

// askUser finds a user and tells whether learning is switched off in the home,
// which is looked at with the user's rights where we may take them.
func askUser(ctx context.Context, c *config.Config, address string) (name string, off bool, err error) {
	resolver, err := cli.Resolver(c, "doveadm")
	if err != nil {
		return "", false, err
	}
	rcpt, err := resolver.Resolve(ctx, address)
	if err != nil {
		return "", false, err
	}
	u := rcpt.User
	look := func() error { off = handin.SwitchedOff(u.Home); return nil }
	if os.Geteuid() != 0 {
		return u.Name, off, look()
	}
	err = fsx.Credentials{UID: u.UID, GID: u.GID, Groups: u.Groups}.Do(look)
	return u.Name, off, err
}

func (s *simulation) write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	what := "nothing would be taught"
	if s.Class != learn.None {
		what = fmt.Sprintf("%s would be taught to %s", s.Class, strings.Join(s.Backends, ", "))
	}
	if s.User != "" {
		what += " for " + s.User
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", what, s.Why)
	return err
}
