package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"dovetail/cmd/internal/handin"
	"dovetail/cmd/internal/setup"
	"dovetail/learn"
	"dovetail/learn/script"
	"dovetail/learn/teach"
)

// services are the names of sockets, with what their clients' messages are.
var services = map[string]learn.Class{
	"learn-spam": learn.Spam, "sa-learn-spam.sh": learn.Spam,
	"learn-ham": learn.Ham, "sa-learn-ham.sh": learn.Ham,
}

// listen serves the sockets, if there are any, until ctx ends.
func (d *daemon) listen(ctx context.Context, group *errgroup.Group) error {
	l := d.current.Load().config.Learn
	var addrs []string
	for _, dir := range l.SocketDirs {
		for name := range services {
			addrs = append(addrs, "unix:"+filepath.Join(dir, name))
		}
	}
	if len(addrs) == 0 {
		return nil
	}
	listeners, err := setup.Listen(addrs, true, setup.SocketOptions{Mode: l.SocketMode, User: l.SocketUser, Group: l.SocketGroup})
	if err != nil {
		return err
	}
	server := &script.Server{Handler: d.take, Failed: d.failed}
	for _, l := range listeners {
		service := filepath.Base(l.Addr().String())
		unix, ok := l.(*net.UnixListener)
		if _, known := services[service]; !ok || !known {
			return fmt.Errorf("socket %s: wanted a UNIX socket called learn-spam or learn-ham", l.Addr())
		}
		group.Go(func() error { return server.Serve(ctx, service, unix) })
	}
	return nil
}

// take puts what a client of a socket gives into the queue.
func (d *daemon) take(ctx context.Context, r script.Request) error {
	co := d.current.Load()
	caller := handin.Caller{UID: int(r.UID), Getenv: func(key string) string { return r.Env[key] }}
	lesson, leftOut, err := handin.Take(co.config, r.Name, services[r.Name], r.Args, caller, r.Body, func(l learn.Lesson, message io.Reader) error {
		return co.put(ctx, r.UID, l, message)
	})
	switch {
	case err != nil:
		return err
	case leftOut != "":
		setup.TeachLog{Logger: co.log}.Event(teach.Event{Lesson: lesson, Outcome: teach.LeftOut, Reason: leftOut, Took: time.Since(lesson.At)})
	default:
		co.teacher.Wake()
	}
	return nil
}

func (d *daemon) failed(service string, uid uint32, err error) {
	d.current.Load().log.Warn("a lesson was not taken", "program", service, "uid", uid, "error", err)
}
