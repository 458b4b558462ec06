package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/mailerr"
	"dovetail/learn"
	"dovetail/learn/queue"
	"dovetail/learn/teach"
)

const (
	learnTimeout = 2 * time.Minute // of one call of a back end
	forgetEvery  = 24 * time.Hour
	statusEvery  = 2 * time.Second
	locksDir     = "locks" // in the queue's directory
)

// course is all that one configuration makes.
type course struct {
	config  *config.Config
	log     *slog.Logger
	closer  io.Closer // of log
	queue   *queue.Queue
	ledger  learn.Ledger
	teacher *teach.Teacher
}

// newCourse reads the configuration and builds everything from it.
func (d *daemon) newCourse() (*course, error) {
	c, err := d.load()
	if err != nil {
		return nil, err
	}
	log, closer, err := d.logger(c.Log)
	if err != nil {
		return nil, err
	}
	co := &course{config: c, log: log, closer: closer}
	if err := d.build(co); err != nil {
		return nil, errors.Join(err, closer.Close())
	}
	return co, nil
}

func (d *daemon) build(co *course) (err error) {
	c := co.config
	if co.queue, err = setup.Queue(c); err != nil {
		return err
	}
	if co.ledger, err = d.memory.Ledger(c); err != nil {
		return err
	}
	backends, err := setup.Backends(c)
	if err == nil && len(backends) == 0 {
		err = fmt.Errorf("%s: learn.backends: none is named", c.Origin("learn.backends"))
	}
	if err != nil {
		return badConfig(err)
	}
	resolver, err := cli.Resolver(c, "learn")
	if err != nil {
		return err
	}
	locks, err := teach.NewLocks(filepath.Join(co.queue.Dir(), locksDir))
	if err != nil {
		return err
	}
	o := teach.Options{
		Queue: co.queue, UID: uint32(os.Geteuid()), Log: logger{co.log}, Now: time.Now,
		Interval: c.Learn.Interval, Workers: c.Learn.Workers, MaxAge: c.Learn.MaxAge,
		Retry: teach.Retry{Min: time.Second, Max: time.Minute, Rand: rand.Float64},
		User: func(ctx context.Context, name string) (string, uint32, error) {
			rcpt, err := resolver.ResolveUser(ctx, name)
			if err != nil {
				return "", 0, err
			}
			return rcpt.User.Name, rcpt.User.UID, nil
		},
	}
	for _, b := range backends {
		o.Pupils = append(o.Pupils, &teach.Pupil{Backend: b, Ledger: co.ledger, Lock: locks.Lock, Timeout: learnTimeout})
	}
	co.teacher = teach.New(o)
	return nil
}

func badConfig(err error) error {
	e := mailerr.Temp(err, "Configuration error")
	e.Exit = mailerr.ExConfig
	return e
}

// run teaches until ctx ends, and forgets what is old.
func (co *course) run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		co.attend(ctx)
	}()
	co.teacher.Run(ctx)
	<-done
}

// attend does what is to be done from time to time.
func (co *course) attend(ctx context.Context) {
	forget, status := time.NewTicker(forgetEvery), time.NewTicker(statusEvery)
	defer forget.Stop()
	defer status.Stop()
	co.forget(ctx)
	written := co.status(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-forget.C:
			co.forget(ctx)
		case <-status.C:
			written = co.status(written)
		}
	}
}

func (co *course) forget(ctx context.Context) {
	n, err := co.ledger.Forget(ctx, time.Now().Add(-co.config.Learn.Remember))
	if err != nil && ctx.Err() == nil {
		co.log.Warn("old entries of the ledger stay", "error", err)
	}
	if n > 0 {
		co.log.Info("old entries of the ledger are forgotten", "entries", n)
	}
	if _, err := co.queue.Clean(time.Now()); err != nil {
		co.log.Warn("cleaning the queue", "error", err)
	}
}
