package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"dovetail/internal/config"
	"dovetail/learn"
	"dovetail/learn/queue"
	"dovetail/learn/teach"
)

const (
	forgetEvery = 24 * time.Hour
	statusEvery = 2 * time.Second
)

// course is all that one configuration makes.
type course struct {
	config  *config.Config
	log     *slog.Logger
	closer  io.Closer // of log
	queue   *queue.Queue
	ledger  learn.Ledger
	teacher *teach.Teacher
	rounds  *rounds // nil: no folder is watched
	sweep   []sweeper
}

// sweeper is a back end that forgets old lessons when it is told to.
type sweeper interface {
	Name() string
	Sweep(ctx context.Context) (int, error)
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

func (d *daemon) build(co *course) error {
	t, err := d.memory.Teaching(co.config, 0)
	if err != nil {
		return err
	}
	co.queue, co.ledger, co.teacher = t.Queue, t.Ledger, t.Teacher(co.log)
	for _, p := range t.Pupils {
		if s, ok := p.Backend.(sweeper); ok {
			co.sweep = append(co.sweep, s)
		}
	}
	co.rounds, err = newRounds(co.config, t.Users, co.put, co.log)
	return err
}

// put puts a lesson that a uid gave into the queue, unless it has given too many: the
// files are ours, and no quota of that uid bounds them. Whose word it is, is in the lesson.
func (co *course) put(ctx context.Context, uid uint32, l learn.Lesson, message io.Reader) error {
	if err := co.teacher.Admits(uid); err != nil {
		return err
	}
	l.By = &uid
	_, err := co.queue.Put(ctx, l, message)
	return err
}

// run teaches and watches until ctx ends, and forgets what is old.
func (co *course) run(ctx context.Context) {
	var others sync.WaitGroup
	others.Go(func() { every(ctx, forgetEvery, func() { co.forget(ctx) }) })
	var told error
	others.Go(func() { every(ctx, statusEvery, func() { told = co.status(told) }) })
	if co.rounds != nil {
		others.Go(func() { co.rounds.run(ctx, co.teacher.Wake) })
	}
	co.teacher.Run(ctx)
	others.Wait()
}

// every calls f now, and again and again, until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
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
	for _, s := range co.sweep {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			co.log.Warn("old lessons stay", "backend", s.Name(), "error", err)
		}
	}
	if _, err := co.queue.Clean(time.Now()); err != nil {
		co.log.Warn("cleaning the queue", "error", err)
	}
}
