package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"dovetail/cmd/internal/handin"
	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/teach"
	"dovetail/learn/watch"
	"dovetail/maildir"
)

// rounds looks at the mail of all users from time to time.
type rounds struct {
	watcher  *watch.Watcher
	interval time.Duration
	users    userdb.Lister
	resolver *userdb.Resolver
	stores   func(u *userdb.User, location string) (*maildir.Store, error)
	put      putter
	patience time.Duration // with one user, before the next one's turn
	log      *slog.Logger
	under    map[string]chan looked // by user: looks that are under way
	told     map[string]string      // by user: the last trouble, which is told once
}

// putter puts a lesson that a uid gave into the queue.
type putter func(ctx context.Context, uid uint32, l learn.Lesson, message io.Reader) error

// looked is what came of a look at a user's mail.
type looked struct {
	report *watch.Report
	err    error
}

const (
	// lookPatience is how long the others wait for a look at one user's mail, which may be
	// large, or on a file system that hangs.
	lookPatience = time.Minute
	// aMoment is how long a look is waited for that is under way since the last round, or
	// when the program ends.
	aMoment = 100 * time.Millisecond
)

// newRounds builds what [learn] watch_interval asks for, nil for nothing.
func newRounds(c *config.Config, resolver *userdb.Resolver, put putter, log *slog.Logger) (*rounds, error) {
	if c.Learn.WatchInterval == 0 {
		return nil, nil
	}
	users, ok := resolver.Users.(userdb.Lister)
	if !ok {
		e := mailerr.Temp(fmt.Errorf("%s: learn.watch_interval: userdb %s cannot tell who the users are", c.Origin("learn.watch_interval"), c.Userdb.Driver), "Configuration error")
		e.Exit = mailerr.ExConfig
		return nil, e
	}
	stores, err := cli.Stores(c, maildir.NewCache(), nil)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Learn.WatchDir, 0o700); err != nil {
		return nil, fmt.Errorf("learn.watch_dir: %w", err)
	}
	return &rounds{
		watcher: &watch.Watcher{
			States: watch.States{Dir: c.Learn.WatchDir, FS: fsx.OS{}}, Rules: c.Rules(), Filed: c.Learn.WatchFiled, Now: time.Now,
			ScoreField: c.Learn.Builtin.ScoreHeader,
		},
		interval: c.Learn.WatchInterval, users: users, resolver: resolver, stores: stores, put: put, patience: lookPatience,
		log: log, under: map[string]chan looked{}, told: map[string]string{},
	}, nil
}

// run makes rounds until ctx ends. Taught is called when there are new lessons.
func (r *rounds) run(ctx context.Context, taught func()) {
	every(ctx, r.interval, func() {
		if r.round(ctx) > 0 {
			taught()
		}
	})
}

// round looks at each user's mail once, one after the other to be no load, and
// gives the number of lessons.
func (r *rounds) round(ctx context.Context) (lessons int) {
	var listing error
	defer func() { r.trouble(ctx, "", listing) }()
	for name, err := range r.users.List(ctx, "*") {
		if listing = err; listing != nil || ctx.Err() != nil {
			return lessons
		}
		report, err := r.wait(ctx, name)
		if err != nil {
			r.trouble(ctx, name, err)
			continue
		}
		r.trouble(ctx, name, errors.Join(report.Warnings...))
		r.tell(name, report)
		r.log.Debug("looked at folders", "user", name, "first", report.First, "lessons", len(report.Lessons), "filed", report.Filed)
		lessons += len(report.Lessons)
	}
	return lessons
}

// wait looks at a user's mail, and is patient for a while. A look that takes longer goes on
// by itself, and the next round asks what came of it.
func (r *rounds) wait(ctx context.Context, name string) (*watch.Report, error) {
	done, patience := r.under[name], aMoment
	if done == nil {
		done, patience = make(chan looked, 1), r.patience
		r.under[name] = done
		go func() {
			report, err := r.look(ctx, name)
			done <- looked{report, err}
		}()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	defer context.AfterFunc(ctx, func() { timer.Reset(aMoment) })()
	select {
	case l := <-done:
		delete(r.under, name)
		return l.report, l.err
	case <-timer.C:
		return nil, errors.New("the look at this mail takes long, and has not ended yet")
	}
}

func (r *rounds) look(ctx context.Context, name string) (*watch.Report, error) {
	rcpt, err := r.resolver.ResolveUser(ctx, name)
	if mailerr.IsPermanent(err) {
		return &watch.Report{}, nil // one who gets no mail
	}
	if err != nil {
		return nil, err
	}
	u := rcpt.User
	store, err := r.stores(u, rcpt.Location)
	if err != nil {
		return nil, err
	}
	mail := watch.Mail{User: u.Name, Off: func() bool { return handin.SwitchedOff(u.Home) }, Store: store,
		Do: fsx.Credentials{UID: u.UID, GID: u.GID, Groups: u.Groups}.Do}
	watcher := *r.watcher
	watcher.Put = func(ctx context.Context, l learn.Lesson, message io.Reader) error {
		return r.put(ctx, u.UID, l, message)
	}
	return watcher.Look(ctx, mail)
}

// tell has a line for each change that taught nothing, as events have one: at the level
// of debugging, when it was no user's act.
func (r *rounds) tell(name string, report *watch.Report) {
	for _, left := range report.LeftOut {
		level := slog.LevelInfo
		if left.Filed {
			level = slog.LevelDebug
		}
		setup.TeachLog{Logger: r.log}.At(level, teach.Event{Lesson: left.Lesson, Hash: left.Hash, Outcome: teach.LeftOut, Reason: left.Reason, Took: left.Took})
	}
	if report.More > 0 {
		r.log.Info("more changes have taught nothing", "user", name, "changes", report.More)
	}
}

// trouble tells what is wrong with a user's mail, once.
func (r *rounds) trouble(ctx context.Context, name string, err error) {
	if err == nil {
		delete(r.told, name)
		return
	}
	if ctx.Err() == nil && r.told[name] != err.Error() {
		r.told[name] = err.Error()
		r.log.Warn("watching folders", "user", name, "error", err)
	}
}
