package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dovetail/expire/query"
	"dovetail/internal/cli"
	"dovetail/internal/imapurl"
	"dovetail/internal/mailerr"
	"dovetail/maildir"
)

// exNotFound is doveadm's status for a mailbox that does not exist.
const exNotFound = 68

// sweepOptions are the flags that search, expunge and, as to users, expire share.
type sweepOptions struct {
	user, file, format, dovecot string
	imap, imapPassword          string
	all, strict, verbose        bool
	maxTime                     time.Duration
}

func (o *sweepOptions) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SetInterspersed(false) // a query may have words that begin with -
	o.addUsers(cmd, "who calls")
	f.StringVar(&o.format, "format", "text", "text, or json for an object per message")
	f.BoolVar(&o.strict, "strict", false, "take what is doubtful about the query as an error")
	f.StringVar(&o.dovecot, "dovecot", "2.4", "whose rules: with 2.3 a date like 2026-11-01 is off by the zone's offset, as it was there, and a missing mailbox is an error")
	f.StringVar(&o.imap, "imap", "", "on any IMAP server instead: the `URL` imaps://USER@HOST/, or with a folder behind it that one alone")
	f.StringVar(&o.imapPassword, "imap-password-file", "", "`file` with the IMAP password (default: $"+imapurl.PasswordVariable+")")
}

// addUsers adds the flags that say whose mail, and for how long.
func (o *sweepOptions) addUsers(cmd *cobra.Command, byDefault string) {
	f := cmd.Flags()
	f.StringVarP(&o.user, "user", "u", "", "whose mail: a name, or a mask with * and ? (default: "+byDefault+")")
	f.BoolVarP(&o.all, "all-users", "A", false, "the mail of all users")
	f.StringVarP(&o.file, "user-file", "F", "", "the mail of the users in a `file`, one on each line; - is standard input")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say how much was found, for each user and mailbox, on standard error")
	f.DurationVar(&o.maxTime, "max-time", 0, "stop after that `time` (10m), with status 75; 0 is never")
}

// sweepHelp is what the help of both commands ends with.
const sweepHelp = `The query is doveadm's, word for word: MAILBOX Trash SAVEDBEFORE 30d, ( SEEN OR
DELETED ) NOT FLAGGED. Keys that stand beside each other must all match. Dates
are 2026-11-01, 01-Nov-2026, a Unix time, or how long ago (7d); sizes 10M.

With several users one whose mail cannot be read does not stop the others. Of the
messages of a mailbox that cannot be read ten are named, and the others counted.

With --imap the mail of one user on any IMAP server is looked into. The server judges
texts, flags and sizes as it understands them. It tells no date but by the day, so that
of SAVED* what lies within a day of the date is left out. MAILBOX-GUID and MIMEPART
cannot be asked, and SAVED*, GUID only where it has SAVEDATE, OBJECTID.

Exit status: 0, 64 wrong usage, 65 a query that is not understood, 67 no such user,
68 no such mailbox (--dovecot 2.3), 75 something failed for now, 77 no permission,
78 broken configuration.`

// newSweep reads the query and the configuration.
func (o *sweepOptions) newSweep(cmd *cobra.Command, flags *cli.Flags, words []string) (*sweep, error) {
	if err := o.check(cmd); err != nil {
		return nil, cli.Usage(err)
	}
	rules, err := query.ParseRules(o.dovecot)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("flag --dovecot: %w", err))
	}
	if len(words) == 0 {
		return nil, cli.Usage(errors.New("a query is missing, such as ALL"))
	}
	s := &sweep{options: o, stdin: cli.Stdin(cmd), stderr: cmd.ErrOrStderr(), rules: rules}
	s.work = s.user
	if s.query, err = query.Parse(words, query.Options{Now: time.Now(), Zone: time.Local, Rules: rules, Remote: o.imap != ""}); err != nil {
		return nil, badData(err)
	}
	for _, w := range s.query.Warnings {
		if o.strict {
			return nil, badData(errors.New("query: " + w.Text))
		}
		s.say("warning: query: %s", w.Text)
	}
	if o.imap != "" {
		return s, s.atServer()
	}
	return s, s.open(flags)
}

// check gives an error for flags that contradict each other, and for names that are empty:
// -u "$NAME" without a NAME must not be about other users.
func (o *sweepOptions) check(cmd *cobra.Command) error {
	for _, flag := range []string{"user", "user-file"} {
		if f := cmd.Flags().Lookup(flag); f.Changed && f.Value.String() == "" {
			return fmt.Errorf("flag --%s: the name is empty", flag)
		}
	}
	if o.format != "text" && o.format != "json" {
		return fmt.Errorf("flag --format: %q is neither text nor json", o.format)
	}
	if o.all && o.user != "" || o.all && o.file != "" || o.user != "" && o.file != "" {
		return errors.New("only one of the flags -u, -A and -F names the users")
	}
	return nil
}

// open reads the configuration.
func (s *sweep) open(flags *cli.Flags) (err error) {
	if s.config, err = flags.Load(); err != nil {
		return err
	}
	if s.users, err = cli.Resolver(s.config, "doveadm"); err != nil {
		return err
	}
	s.stores, err = cli.Stores(s.config, maildir.NewCache(), func(err error) { s.say("warning: %v", err) })
	return err
}

// badData makes an error that is the asker's, with status 65.
func badData(err error) error {
	e := mailerr.Perm(err, "Bad query")
	e.Exit = mailerr.ExDataErr
	return e
}
