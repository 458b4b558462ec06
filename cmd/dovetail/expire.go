package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dovetail/cmd/internal/setup"
	"dovetail/expire/archive"
	"dovetail/expire/policy"
	"dovetail/expire/query"
	"dovetail/internal/cli"
	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
)

// expireOptions are the flags of `expire`.
type expireOptions struct {
	sweepOptions
	dryRun       bool
	jobs         int
	report, next string
}

// expirePatience bounds how much longer a run takes than it may: what it does between two
// looks at the time is done by then.
const expirePatience = time.Minute

func newExpireCommand(flags *cli.Flags) *cobra.Command {
	o := &expireOptions{}
	cmd := &cobra.Command{
		Use:   "expire [-u USER|-A|-F FILE] [-n]",
		Short: "Delete, move or archive old mail, by the rules of the configuration",
		Long: `Do with old mail what the rules [[expire]] of the configuration say, beside a
running Dovecot. Each mailbox is read once for all rules. With -n nothing is
changed, and a table tells what would go, by which rule.

A message whose flags somebody changes meanwhile stays, and so does one that
cannot be read; ten such of a mailbox are named, and the others counted. One user
whose mail cannot be read does not stop the others.

One run changes mail at a time: another one says so and ends with status 75. A run
over several users remembers which user it came to. When it is stopped, by
--max-time, a signal or a crash, the next one begins there, and comes to the others
after that. It waits a minute for what it is about then, and not for a file system
that does not answer.

With --format json the report is an object: started, ended, dry_run, stopped, users,
errors. Each of users has user, opt_out, stopped, folders, errors; each of folders
mailbox, total, before, after, rules, errors; each of rules rule, action, to, clock,
messages, bytes, oldest, newest, changed (messages that stay since somebody changed
them) and kept (that stay because of a limit). total has messages and bytes, before
and after have six of them: mail received less than a week ago, a month, 3, 12, 24
months, and more.

Exit status: 0, 64 wrong usage, 67 no such user, 75 something failed for now or the
time is over, 77 no permission, 78 broken configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, flags) },
	}
	o.addUsers(cmd, "all users")
	f := cmd.Flags()
	f.Lookup("verbose").Usage = "print what was done for each user, mailbox and rule, as with -n"
	cli.Choice(f, &o.format, "format", "text, or json for one object", "text", "json")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "change nothing, and print what would go")
	f.IntVarP(&o.jobs, "jobs", "j", 2, "users at once, 1 to 64")
	f.StringVar(&o.report, "report", "", "write the report as an HTML page to a `file`")
	f.StringVar(&o.next, "resume-file", "", "`file` that a run locks, and where a stopped one leaves the user to go on with (default: expire.next beside the database of [state])")
	return cmd
}

func (o *expireOptions) run(cmd *cobra.Command, flags *cli.Flags) error {
	if err := o.check(cmd); err != nil {
		return cli.Usage(err)
	}
	if o.jobs < 1 || o.jobs > 64 {
		return cli.Usage(fmt.Errorf("flag --jobs: %d is not between 1 and 64", o.jobs))
	}
	o.all = o.user == "" && o.file == ""
	s := &sweep{options: &o.sweepOptions, stdin: cli.Stdin(cmd), stderr: cmd.ErrOrStderr(), jobs: o.jobs, patience: expirePatience}
	if err := s.open(flags); err != nil {
		return err
	}
	now := time.Now()
	rules, doubts, err := s.config.Policy(now)
	if err != nil {
		return err
	}
	for _, doubt := range doubts {
		s.say("warning: %s", doubt)
	}
	e := &expirer{options: o, sweep: s, report: policy.Report{Started: now, DryRun: o.dryRun, Users: []policy.UserReport{}}}
	if len(rules) == 0 {
		s.say("warning: the configuration has no rules [[expire]]: there is nothing to do")
		return errors.Join(e.end(cmd), e.page())
	}
	var memory setup.Memory
	defer memory.Close()
	e.planner = &policy.Planner{
		Rules: rules, Prefix: s.config.Mail.Prefix, DryRun: o.dryRun, Subscribe: s.config.Mail.Autosubscribe, Now: time.Now, FS: fsx.OS{},
		Ages: o.report != "" || o.format == "json",
	}
	if e.planner.Stamps, err = stamps(&memory, s, rules); err != nil {
		return err
	}
	if !o.dryRun {
		if err := e.takeTurns(); err != nil {
			return err
		}
	}
	s.work = e.user
	if err = s.run(cmd.Context()); err != nil {
		e.report.Errors = []string{err.Error()}
	}
	return errors.Join(err, e.end(cmd), e.page(), e.turns.close())
}

// takeTurns locks other runs out. Where that cannot be had, mail is expired all the same:
// it may be a full disk that waits for it.
func (e *expirer) takeTurns() (err error) {
	e.turns, err = e.options.turns(e.sweep.config.State.URL)
	switch {
	case errors.Is(err, errUnderWay):
		return err
	case err != nil:
		e.sweep.say("warning: other runs are not locked out, and none goes on where this one ends: %v", err)
	case e.sweep.many():
		e.sweep.order = e.turns.order
	}
	return nil
}

// stamps opens the first-seen stamps, if a rule needs them.
func stamps(memory *setup.Memory, s *sweep, rules []*policy.Rule) (policy.Stamps, error) {
	for _, r := range rules {
		if r.Clock == query.FirstSeen {
			return memory.Stamps(s.config)
		}
	}
	return nil, nil
}

// user does what the rules say with the mail of a user.
func (e *expirer) user(ctx context.Context, name string) error {
	u, plan, err := e.plan(ctx, name)
	if err != nil && ctx.Err() != nil {
		return err
	}
	if err != nil {
		if mailerr.Of(err).Exit != mailerr.ExNoUser {
			e.take(policy.UserReport{User: name, Folders: []policy.FolderReport{}, Errors: []string{err.Error()}})
		}
		e.turns.done(name)
		return err
	}
	var report policy.UserReport
	if e.options.dryRun {
		report = plan.Report()
	} else {
		report = plan.Execute(ctx)
	}
	for _, err := range plan.Errors {
		e.sweep.note(fmt.Errorf("user %s: %w", u.Name, err))
	}
	for _, f := range plan.Folders {
		for _, err := range f.Problems() {
			e.sweep.note(fmt.Errorf("user %s: mailbox %s: %w", u.Name, f.Mailbox, err))
		}
	}
	e.take(report)
	if !report.Stopped {
		e.turns.done(name)
	}
	return nil
}

// plan finds a user, and plans what is to be done.
func (e *expirer) plan(ctx context.Context, name string) (*userdb.User, *policy.Plan, error) {
	u, store, rights, err := e.sweep.resolve(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	mail := &policy.User{Name: u.Name, Home: u.Home, Store: store, Rights: rights}
	mail.Archive = func(place string) (policy.Archive, error) { return e.archive(u, store.Separator(), place) }
	plan, err := e.planner.Plan(ctx, mail)
	return u, plan, err
}

// archive opens an archive of a user's.
func (e *expirer) archive(u *userdb.User, separator, place string) (policy.Archive, error) {
	p, err := archive.Parse(place)
	if err != nil {
		return nil, err
	}
	c := e.sweep.config
	return archive.Open(archive.Options{
		Place: p, Separator: separator, Prefix: c.Mail.Prefix, LockTimeout: c.Mail.MaxLockTimeout,
		Vars: expand.Vars{User: u.Name, Home: u.Home, UID: u.UID, GID: u.GID, Hostname: c.Hostname},
		Warn: func(err error) { e.sweep.say("warning: user %s: %v", u.Name, err) },
	})
}
