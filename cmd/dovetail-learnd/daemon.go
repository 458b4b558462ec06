package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/config"
	"dovetail/learn/queue"
)

// daemon is the program with what is read again at SIGHUP.
type daemon struct {
	load   func() (*config.Config, error)
	logger func(config.Log) (*slog.Logger, io.Closer, error)

	memory   setup.Memory
	current  atomic.Pointer[course] // for the sockets
	unlock   func()                 // of the current queue
	previous io.Closer              // of the log before, which clients may still cause lines in
}

// start reads the configuration for the first time and becomes the one who drains
// the queue.
func (d *daemon) start(ctx context.Context) error {
	co, err := d.newCourse()
	if err != nil {
		return err
	}
	if d.unlock, err = lock(ctx, co.queue); err != nil {
		return err
	}
	d.current.Store(co)
	return nil
}

// lockPatience is how long the lock of one that was killed may be held by a child
// that it was just starting.
const lockPatience = 3 * time.Second

func lock(ctx context.Context, q *queue.Queue) (unlock func(), err error) {
	for end := time.Now().Add(lockPatience); ; time.Sleep(20 * time.Millisecond) {
		unlock, err = q.Lock()
		if !errors.Is(err, queue.ErrLocked) || time.Now().After(end) || ctx.Err() != nil {
			break
		}
	}
	if errors.Is(err, queue.ErrLocked) {
		if holder := q.Holder(); holder != "" {
			err = fmt.Errorf("%w: %s", err, holder)
		}
	}
	return unlock, err
}

// once looks at what is watched, and teaches what is in the queue.
func (d *daemon) once(ctx context.Context) error {
	co := d.current.Load()
	co.forget(ctx)
	if co.rounds != nil {
		co.rounds.round(ctx)
	}
	left := co.teacher.Drain(ctx)
	co.status(nil) //nolint:errcheck // it was told
	if left > 0 {
		return fmt.Errorf("%d lessons are left in the queue %s", left, co.queue.Dir())
	}
	return nil
}

// serve teaches and serves the sockets until ctx ends.
func (d *daemon) serve(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	group, ctx := errgroup.WithContext(ctx)
	if err := d.listen(ctx, group); err != nil {
		return err
	}
	co := d.current.Load()
	co.log.Info("ready", "queue", co.queue.Dir(), "backends", co.config.Learn.Backends)
	d.notify(sd.SdNotifyReady)
	for ctx.Err() == nil {
		d.teach(ctx, hup)
	}
	d.notify(sd.SdNotifyStopping)
	err := group.Wait() // clients have their answers, and what they gave is in the queue
	d.current.Load().log.Info("stopped")
	return err
}

// teach teaches until ctx ends or there is a new configuration.
func (d *daemon) teach(ctx context.Context, hup <-chan os.Signal) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	co := d.current.Load()
	go func() {
		defer close(ended)
		co.run(running)
	}()
	for {
		select {
		case <-ctx.Done():
			<-ended
			return
		case <-hup:
			next, unlock, err := d.reread(ctx, co)
			if err != nil {
				continue
			}
			stop()
			<-ended
			d.turn(co, next, unlock)
			return
		}
	}
}

// reread reads the configuration again. What is broken is reported.
func (d *daemon) reread(ctx context.Context, co *course) (next *course, unlock func(), err error) {
	d.notify(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
	defer d.notify(sd.SdNotifyReady)
	if next, err = d.newCourse(); err == nil {
		if unlock = d.unlock; next.queue.Dir() != co.queue.Dir() {
			if unlock, err = lock(ctx, next.queue); err != nil {
				err = errors.Join(err, next.closer.Close())
			}
		}
	}
	if err != nil {
		co.log.Error("the configuration stays as it was", "error", err)
	}
	return next, unlock, err
}

// turn goes over to a new configuration.
func (d *daemon) turn(co, next *course, unlock func()) {
	d.current.Store(next)
	if next.queue.Dir() != co.queue.Dir() {
		d.unlock()
	}
	d.unlock = unlock
	if !slices.Equal(co.config.Learn.SocketDirs, next.config.Learn.SocketDirs) {
		next.log.Warn("a new socket_dirs of [learn] needs a restart")
	}
	if d.previous != nil {
		if err := d.previous.Close(); err != nil {
			next.log.Warn("closing the old log", "error", err)
		}
	}
	d.previous = co.closer
	next.log.Info("configuration is read again")
}

// notify tells systemd, if it is there, of the program's state.
func (d *daemon) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.current.Load().log.Warn("cannot tell systemd", "error", err)
	}
}
