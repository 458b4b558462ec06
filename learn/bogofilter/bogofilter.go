// Package bogofilter teaches bogofilter, by running it: many messages in one process,
// with the rights of the user, into the user's database.
//
// # Exactly once
//
// Bogofilter does not know what it has learned, and ends with status 0 whatever it is
// told. So each message gets one header field more on its way, X-Dovetail-Lesson, with
// a word made of the message's hash, and the words of all messages are in the
// database: it tells, before a lesson and after it, what it knows a message as. The
// message that is classified later has no such field, so the word changes no verdict.
// No sender can guess the words: they are made with a key, the file dovetail-key beside
// the database. Without it another one is made, and what was learned before is known to
// the ledger alone.
//
// Maintenance that throws rare words away (bogoutil -c) takes those words too; what
// was learned long ago is then known to the ledger alone.
//
// # Files
//
// Messages are written into the folder dovetail-batch beside the database, and taken away
// when bogofilter has read them; what a crash leaves there goes with the next batch. (Taken
// from an mbox on standard input they would be split at lines that begin with "From ".)
//
// The key is locked with flock(2) by us and by the bogofilter that we start: one that
// teaches on when we are killed is waited for, and what it has taught is known then.
//
// The user's ~/.bogofilter.cf and the site's bogofilter.cf are in force, but for the
// place of the database.
package bogofilter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/program"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
	"dovetail/learn"
)

// The defaults of Options.
const (
	DefaultProgram   = "/usr/bin/bogofilter"
	DefaultDirectory = "~/.bogofilter"
	DefaultTimeout   = 5 * time.Minute
	DefaultMaxSize   = 10 << 20
)

// The bounds of what is taught in one process.
const (
	maxBatch      = 1000
	maxBatchBytes = 64 << 20
)

// Options say how bogofilter is run.
type Options struct {
	Program   string           // bogofilter, with bogoutil beside it; empty: DefaultProgram
	Directory *expand.Template // of the database, with ~ for the user's home; nil: DefaultDirectory
	// Lookup finds a user. It is not asked for lessons of the site as a whole.
	Lookup  func(ctx context.Context, user string) (*userdb.User, error)
	Timeout time.Duration // for one run; 0: DefaultTimeout
	MaxSize int64         // bytes, larger messages are refused; 0: DefaultMaxSize
}

// Backend is bogofilter as a learn.Backend.
type Backend struct {
	o Options
}

// New makes a back end. Nothing is run yet.
func New(o Options) (*Backend, error) {
	o.Program = cmp.Or(o.Program, DefaultProgram)
	o.Timeout, o.MaxSize = cmp.Or(o.Timeout, DefaultTimeout), cmp.Or(o.MaxSize, DefaultMaxSize)
	if o.Directory == nil {
		o.Directory = expand.MustParse(DefaultDirectory)
	}
	if !filepath.IsAbs(o.Program) {
		return nil, fmt.Errorf("%q is not an absolute path", o.Program)
	}
	return &Backend{o}, nil
}

// Name is "bogofilter".
func (b *Backend) Name() string { return "bogofilter" }

// Learn teaches messages that are to be learned in the same way, and follow each
// other, in one process.
func (b *Backend) Learn(ctx context.Context, user string, items []learn.Item) []learn.Result {
	results := make([]learn.Result, len(items))
	if len(items) == 0 {
		return results
	}
	db, err := b.database(ctx, user)
	if err == nil {
		err = db.open(ctx)
	}
	if err == nil {
		defer db.close()
	}
	for i := 0; err == nil && i < len(items); {
		n := distinct(items[i:])
		err = b.learn(ctx, db, items[i:i+n], results[i:i+n])
		i += n
	}
	if err != nil {
		failed(results, err)
	}
	return results
}

// distinct tells how many of the items are each another message.
func distinct(items []learn.Item) int {
	seen := map[learn.Hash]bool{}
	for i, item := range items {
		if seen[item.Hash] {
			return i
		}
		seen[item.Hash] = true
	}
	return len(items)
}

// learn teaches messages that differ. The error is that of all that have no outcome.
func (b *Backend) learn(ctx context.Context, db *database, items []learn.Item, results []learn.Result) error {
	known, err := db.known(ctx, items)
	if err != nil {
		return err
	}
	ways := make([]string, len(items))
	for i, item := range items {
		results[i], ways[i] = b.plan(item, known[item.Hash])
	}
	for i := 0; i < len(items); {
		n := batch(items[i:], ways[i:])
		if ways[i] != "" {
			if err := db.learn(ctx, ways[i], items[i:i+n], results[i:i+n]); err != nil {
				return err
			}
		}
		i += n
	}
	return nil
}

// failed gives those items that have no outcome yet an error.
func failed(results []learn.Result, err error) {
	for i := range results {
		if results[i].Outcome == "" {
			results[i].Err = err
		}
	}
}

// plan gives an item's outcome, when nothing is to be taught, or bogofilter's option.
func (b *Backend) plan(item learn.Item, known learn.Class) (learn.Result, string) {
	prior := known
	if prior == learn.None && !item.Unsure {
		prior = item.Prior // the database has forgotten the word
	}
	switch size := item.Message.Size(); {
	case prior == item.Class:
		return learn.Result{Outcome: learn.Already}, ""
	case size == 0:
		return learn.Result{Outcome: learn.Refused, Reason: "the message is empty"}, ""
	case size > b.o.MaxSize:
		return learn.Result{Outcome: learn.Refused, Reason: fmt.Sprintf("the message has %d bytes, more than %d", size, b.o.MaxSize)}, ""
	}
	switch {
	case item.Class == learn.Spam && prior == learn.Ham:
		return learn.Result{}, "-Ns"
	case item.Class == learn.Ham && prior == learn.Spam:
		return learn.Result{}, "-Sn"
	case item.Class == learn.Spam:
		return learn.Result{}, "-s"
	}
	return learn.Result{}, "-n"
}

// batch tells how many of the items are taught together.
func batch(items []learn.Item, ways []string) int {
	var bytes int64
	for i, item := range items {
		bytes += item.Message.Size()
		if i > 0 && (ways[i] != ways[0] || i == maxBatch || bytes > maxBatchBytes) {
			return i
		}
	}
	return len(items)
}

// database gives a user's.
func (b *Backend) database(ctx context.Context, user string) (*database, error) {
	db := &database{
		runner: program.Runner{Dir: filepath.Dir(b.o.Program), Timeout: b.o.Timeout, LF: true},
		name:   filepath.Base(b.o.Program),
		as:     func(f func() error) error { return f() },
	}
	vars := &expand.Vars{User: user}
	if user != "" {
		u, err := b.o.Lookup(ctx, user)
		if err != nil {
			return nil, fmt.Errorf("looking up %s: %w", user, err)
		}
		if u.UID == 0 {
			return nil, fmt.Errorf("%s has the uid 0: bogofilter is not run for root", user)
		}
		*vars = expand.Vars{User: u.Name, Home: u.Home, UID: u.UID, GID: u.GID}
		db.as = fsx.Credentials{UID: u.UID, GID: u.GID, Groups: u.Groups}.Do
		db.job = program.Job{Env: program.Env{User: u.Name, Home: u.Home}, Cred: &program.Cred{UID: u.UID, GID: u.GID, Groups: u.Groups}}
	}
	dir, err := b.o.Directory.Path(vars, "")
	if err != nil {
		return nil, fmt.Errorf("directory %s of %s: %w", b.o.Directory, user, err)
	}
	if rest, ok := strings.CutPrefix(dir, "~/"); ok {
		if vars.Home == "" {
			return nil, fmt.Errorf("directory %s: %s has no home", dir, cmp.Or(user, "the site"))
		}
		dir = filepath.Join(vars.Home, rest)
	}
	if !filepath.IsAbs(dir) {
		return nil, errors.New("directory " + dir + " is neither an absolute path nor below the home (~/)")
	}
	db.dir = dir
	return db, nil
}
