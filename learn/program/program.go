// Package program teaches by running a program of the site's, once for each message.
// In the configuration this back end is called "exec".
//
// # The program
//
// It is started without a shell, as the user, in "/", and gets the message on standard
// input with LF line ends. There is one for spam and one for ham; in their arguments
// variables such as %u are filled in. Its environment is
//
//	USER, HOME               the user; not set for lessons of the site as a whole
//	DOVETAIL_LEARN_CLASS     spam or ham
//	DOVETAIL_LEARN_PRIOR     the class that the message was learned as before, and which the
//	                         program has to take back; not set when there was none
//	DOVETAIL_LEARN_HASH      identifies the message: 64 hexadecimal digits
//
// Its exit status says how it went:
//
//	0      learned
//	65     refused, for good (EX_DATAERR)
//	75     try again (EX_TEMPFAIL)
//	other  an error in the program or its setup: tried again too
//
// What it writes to standard error goes into the log, what it writes to standard output
// is dropped. Past its time limit it is killed with all that it has started.
//
// # At least once
//
// Nobody knows what a program had done when it was killed, or when the machine went
// down before its success was noted. Then it is run again for the same message. One
// that must not learn twice keeps the hashes and ends with 0 when it knows one in this
// class. For the same reason DOVETAIL_LEARN_PRIOR may name a class that it was told and has
// not learned.
package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"dovetail/internal/program"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
	"dovetail/learn"
)

// The defaults of Options.
const (
	DefaultTimeout = time.Minute
	DefaultMaxSize = 50 << 20
)

// Exit statuses of programs, sysexits.h.
const (
	exOK       = 0
	exDataErr  = 65
	exTempFail = 75
)

// Options say what is run.
type Options struct {
	// Spam and Ham are a program's absolute path and its arguments, in which variables
	// are filled in. One without a program is refused.
	Spam, Ham []string
	// Lookup finds a user. It is not asked for lessons of the site as a whole.
	Lookup  func(ctx context.Context, user string) (*userdb.User, error)
	Timeout time.Duration // for one message; 0: DefaultTimeout
	MaxSize int64         // bytes, larger messages are refused; 0: DefaultMaxSize
}

// Backend is the programs as a learn.Backend.
type Backend struct {
	o        Options
	commands map[learn.Class]*command
}

// command is a program with its arguments.
type command struct {
	path string
	args []*expand.Template
}

// New makes a back end. Nothing is run yet.
func New(o Options) (*Backend, error) {
	o.Timeout, o.MaxSize = cmp.Or(o.Timeout, DefaultTimeout), cmp.Or(o.MaxSize, DefaultMaxSize)
	b := &Backend{o: o, commands: map[learn.Class]*command{}}
	for class, words := range map[learn.Class][]string{learn.Spam: o.Spam, learn.Ham: o.Ham} {
		if len(words) == 0 {
			continue
		}
		c, err := parse(words)
		if err != nil {
			return nil, fmt.Errorf("the program for %s: %w", class, err)
		}
		b.commands[class] = c
	}
	if len(b.commands) == 0 {
		return nil, errors.New("there is no program, neither for spam nor for ham")
	}
	return b, nil
}

func parse(words []string) (*command, error) {
	if !filepath.IsAbs(words[0]) {
		return nil, fmt.Errorf("%q is not an absolute path", words[0])
	}
	c := &command{path: words[0]}
	for _, word := range words[1:] {
		t, err := expand.Parse(word)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, t)
	}
	return c, nil
}

// Name is "exec".
func (b *Backend) Name() string { return "exec" }

// Learn runs a program for one message after the other.
func (b *Backend) Learn(ctx context.Context, user string, items []learn.Item) []learn.Result {
	results := make([]learn.Result, len(items))
	if len(items) == 0 {
		return results
	}
	as, vars, err := b.user(ctx, user)
	for i, item := range items {
		if err == nil {
			err = ctx.Err() // not one more
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		results[i] = b.learn(ctx, as, vars, item)
		var missing *program.LookupError
		if errors.As(results[i].Err, &missing) {
			err = results[i].Err
		}
	}
	return results
}

// user gives whom programs are run as, and the values of variables.
func (b *Backend) user(ctx context.Context, user string) (program.Job, *expand.Vars, error) {
	if user == "" {
		return program.Job{}, &expand.Vars{}, nil
	}
	u, err := b.o.Lookup(ctx, user)
	if err != nil {
		return program.Job{}, nil, fmt.Errorf("looking up %s: %w", user, err)
	}
	if u.UID == 0 {
		return program.Job{}, nil, fmt.Errorf("%s has the uid 0: programs are not run for root", user)
	}
	return program.Job{
		Env:  program.Env{User: u.Name, Home: u.Home},
		Cred: &program.Cred{UID: u.UID, GID: u.GID, Groups: u.Groups},
	}, &expand.Vars{User: u.Name, Home: u.Home, UID: u.UID, GID: u.GID}, nil
}

func (b *Backend) learn(ctx context.Context, job program.Job, vars *expand.Vars, item learn.Item) learn.Result {
	c := b.commands[item.Class]
	switch size := item.Message.Size(); {
	case item.Prior == item.Class:
		return learn.Result{Outcome: learn.Already}
	case c == nil:
		return learn.Result{Outcome: learn.Refused, Reason: "there is no program for " + string(item.Class)}
	case size == 0:
		return learn.Result{Outcome: learn.Refused, Reason: "the message is empty"}
	case size > b.o.MaxSize:
		return learn.Result{Outcome: learn.Refused, Reason: fmt.Sprintf("the message has %d bytes, more than %d", size, b.o.MaxSize)}
	}
	job.Name, job.Input = filepath.Base(c.path), item.Message.Open()
	for _, arg := range c.args {
		job.Args = append(job.Args, arg.Expand(vars))
	}
	job.Env.More = []string{"DOVETAIL_LEARN_CLASS=" + string(item.Class), "DOVETAIL_LEARN_HASH=" + item.Hash.String()}
	if item.Prior != learn.None {
		job.Env.More = append(job.Env.More, "DOVETAIL_LEARN_PRIOR="+string(item.Prior))
	}
	runner := program.Runner{Dir: filepath.Dir(c.path), Timeout: b.o.Timeout, LF: true}
	res, err := runner.Run(ctx, job)
	return result(item, res, err)
}

// result says what a program's end means.
func result(item learn.Item, res program.Result, err error) learn.Result {
	said := strings.Join(strings.Fields(res.Stderr), " ")
	switch {
	case err != nil:
		return learn.Result{Err: err}
	case res.Status == exOK && item.Prior != learn.None:
		return learn.Result{Outcome: learn.Relearned, Reason: said}
	case res.Status == exOK:
		return learn.Result{Outcome: learn.Learned, Reason: said}
	case res.Status == exDataErr:
		return learn.Result{Outcome: learn.Refused, Reason: cmp.Or(said, "the program ended with status 65")}
	case res.Status == exTempFail:
		return learn.Result{Err: fmt.Errorf("the program asks to try again: %s", cmp.Or(said, "status 75"))}
	}
	return learn.Result{Err: fmt.Errorf("the program ended with status %d: %s", res.Status, said)}
}
