// Package handin is what learn-spam and learn-ham do: take a message on standard
// input and put it into the queue, where it is on disk to stay before they end.
// Sieve calls them by pipe or execute, for each message that a user moves, so they
// must be fast: they use neither cobra nor package cli, which build a Sieve engine.
//
// All of standard input is read, whatever happens, since a program that ends early
// makes Pigeonhole's pipe fail. Standard output stays empty, since execute may read
// it. Standard error goes to Dovecot's log: it tells what went wrong and what was
// left out by a rule, and nothing when all is well.
//
// Delivery says in $DOVETAIL_VERDICT what our own classifier has made of a message
// that a script pipes here; what it has found itself it does not learn (package rule).
// A script in between must leave that variable in the environment.
//
// A message that was cut off, because the one who wrote it died, cannot be told
// from a whole one: a pipe ends in the same way. What is learned is then a part of a
// message, which is no harm to a classifier, and the next event about the message
// has another hash.
//
// Exit status: 0 in the queue or left out by a rule, 64 wrong usage, 75 not in the
// queue (try again), 78 broken configuration.
package handin

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/config"
	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/learn"
	"dovetail/learn/queue"
	"dovetail/learn/rule"
)

// Main is the program for a class. It gives the exit status.
func Main(class learn.Class) int {
	name := filepath.Base(os.Args[0])
	o, err := parse(name, class, os.Args[1:], Caller{Getenv: os.Getenv, UID: os.Getuid()})
	if errors.Is(err, flag.ErrHelp) { // it was printed
		return mailerr.ExOK
	}
	if err == nil {
		err = o.run(context.Background(), os.Stdin, os.Stderr)
	}
	if err == nil {
		return mailerr.ExOK
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, strings.TrimSuffix(line, "\n"))
	}
	drain(os.Stdin)
	return mailerr.ExitCode(err)
}

// drain reads the rest of standard input, unless a person would have to type it.
func drain(f *os.File) {
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		_, _ = io.Copy(io.Discard, f)
	}
}

// Caller is who calls.
type Caller struct {
	Getenv func(string) string // the environment: USER, HOME, DOVETAIL_VERDICT
	UID    int
}

// options are the command line.
type options struct {
	name   string // of the program
	caller Caller
	config string
	lesson learn.Lesson
}

const usage = `usage: %s [FLAG]... [USER] < MESSAGE
Have a message learned as %s for USER (default: $USER, else who runs the program).
Exit status: 0 in the queue or left out by a rule, 64 wrong usage, 75 not in the
queue (try again), 78 broken configuration. Flags:
`

func parse(name string, class learn.Class, args []string, caller Caller) (*options, error) {
	o := &options{name: name, caller: caller, lesson: learn.Lesson{Class: class, Origin: learn.Event}}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are told by Main
	flags.Usage = func() {}
	const configUsage = "configuration `file` (default $" + config.EnvFile + ", else " + config.DefaultFile + ")"
	flags.StringVar(&o.config, "config", "", configUsage)
	flags.StringVar(&o.config, "c", "", "short for --config `file`")
	flags.StringVar(&o.lesson.From, "from", "", "`folder` that the message came from")
	flags.StringVar(&o.lesson.To, "to", "", "`folder` that the message is in now")
	flags.Func("cause", "what happened: copy (a move, too), append or flag", func(s string) (err error) {
		o.lesson.Cause, err = rule.ParseCause(s)
		return err
	})
	flags.Func("origin", "how it is known: event (default), watch, spamtrap, bulk or probe", func(s string) (err error) {
		o.lesson.Origin, err = parseOrigin(s)
		return err
	})
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, usage, name, class)
		flags.SetOutput(os.Stderr)
		flags.PrintDefaults()
		return nil, err
	}
	if err == nil && flags.NArg() > 1 {
		err = fmt.Errorf("%d arguments: wanted the name of one user at most", flags.NArg())
	}
	if err == nil {
		o.lesson.User, err = caller.userName(flags.Arg(0))
	}
	if err != nil {
		wrong := mailerr.Perm(fmt.Errorf("%w; see %s --help", err, name), "Usage error")
		wrong.Exit = mailerr.ExUsage
		return nil, wrong
	}
	return o, nil
}

func parseOrigin(s string) (learn.Origin, error) {
	switch o := learn.Origin(s); o {
	case learn.Event, learn.Watch, learn.Spamtrap, learn.Bulk, learn.Probe:
		return o, nil
	}
	return "", fmt.Errorf("unknown origin %q", s)
}

// maxUser bounds a user's name in bytes, as Sieve does each argument.
const maxUser = 1024

// userName gives the name of the user: the one given, which Dovecot knows best,
// then the one that Dovecot puts into the environment, then that of our uid.
func (c Caller) userName(given string) (string, error) {
	name := given
	if name == "" {
		name = c.Getenv("USER")
	}
	if name == "" {
		uid := strconv.Itoa(c.UID)
		u, err := user.LookupId(uid)
		if err != nil {
			return "", fmt.Errorf("no user is named, $USER is not set, and uid %s has no name: %w", uid, err)
		}
		name = u.Username
	}
	if len(name) > maxUser || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%.40q is not the name of a user", name)
	}
	return name, nil
}

// run hands the lesson in.
func (o *options) run(ctx context.Context, stdin io.Reader, stderr io.Writer) error {
	o.lesson.At = time.Now()
	c, err := config.Load(config.Options{File: o.config})
	if err != nil {
		return err
	}
	leftOut, err := o.take(c, stdin, func(l learn.Lesson, message io.Reader) error { return put(ctx, c.Learn.QueueDir, l, message) })
	if err != nil {
		return err
	}
	if leftOut != "" {
		l := o.lesson
		fmt.Fprintf(stderr, "%s: left out for %s: %s (cause=%s from=%q to=%q)\n", o.name, l.User, leftOut, l.Cause, l.From, l.To)
	}
	return nil
}

// Take does what the program does, for a caller of a socket of its name: it has put
// called with the lesson, or tells which rule leaves out the lesson that it gives.
// The configuration is c, whatever the arguments say.
func Take(c *config.Config, name string, class learn.Class, args []string, caller Caller,
	message io.Reader, put func(learn.Lesson, io.Reader) error) (l learn.Lesson, leftOut string, err error) {
	o, err := parse(name, class, args, caller)
	if err != nil {
		return learn.Lesson{}, "", err
	}
	o.lesson.At = time.Now()
	leftOut, err = o.take(c, message, put)
	return o.lesson, leftOut, err
}

// take has the message put into the queue while it is read, so that none takes memory;
// when its end shows that it is too small or too big, the queue undoes that.
func (o *options) take(c *config.Config, stdin io.Reader, put func(learn.Lesson, io.Reader) error) (leftOut string, err error) {
	change := rule.Change{
		Said: o.lesson.Class, Cause: o.lesson.Cause, From: o.lesson.From, To: o.lesson.To,
		Size: c.Learn.MinSize, // which is not known yet
		Off:  SwitchedOff(o.caller.Getenv("HOME")), Found: learn.Class(o.caller.Getenv(learn.VerdictEnv)),
	}
	m := &incoming{r: stdin, least: c.Learn.MinSize, most: c.Learn.MaxSize}
	decision := c.Rules().Decide(change)
	if decision.Class != learn.None {
		err = put(o.lesson, m)
	}
	if errors.Is(err, errSize) {
		err = nil
	}
	if m.err == nil || errors.Is(m.err, errSize) {
		more, readErr := io.Copy(io.Discard, stdin)
		m.size += more
		m.err = readErr
	}
	switch {
	case m.err != nil && !errors.Is(m.err, io.EOF):
		return "", fmt.Errorf("reading the message: %w", m.err)
	case err != nil:
		return "", fmt.Errorf("%w\n%s", err, queue.Mend(c.Learn.QueueDir, err))
	}
	if decision.Class != learn.None {
		change.Size = m.size
		decision = c.Rules().Decide(change)
	}
	if decision.Class == learn.None {
		return decision.Why, nil
	}
	return "", nil
}

// incoming is a message that is read up to its end, or to where it is too big.
type incoming struct {
	r           io.Reader
	least, most int64 // bytes
	size        int64 // read so far
	err         error // that ended it
}

// errSize ends a message that is too small or too big.
var errSize = errors.New("too small or too big")

func (m *incoming) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.r.Read(p)
	m.size += int64(n)
	if m.size > m.most || errors.Is(err, io.EOF) && m.size < m.least {
		err = errSize
	}
	m.err = err
	return n, err
}

// SwitchedOff tells whether the user with that home does not want to teach.
func SwitchedOff(home string) bool {
	if home == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(home, rule.OffFile))
	return err == nil
}

func put(ctx context.Context, dir string, l learn.Lesson, message io.Reader) error {
	q, err := queue.Open(dir, fsx.OS{})
	if err != nil {
		return err
	}
	_, err = q.Put(ctx, l, message)
	return err
}
