package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/expire/remote"
	"dovetail/internal/cli"
	"dovetail/internal/config"
	"dovetail/internal/fsx"
	"dovetail/internal/imapurl"
	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/maildir"
)

// sweep is a run over the mail of users.
type sweep struct {
	options *sweepOptions
	config  *config.Config
	query   *query.Query
	users   *userdb.Resolver
	stores  func(u *userdb.User, location string) (*maildir.Store, error)
	stdin   io.Reader
	stderr  io.Writer

	rules query.Rules
	stat  bool // the work needs the messages' dates
	// childrenFirst has mailboxes done before those that they lie below.
	childrenFirst bool
	// mailbox does the work in one mailbox, remote in one on an IMAP server.
	mailbox func(ctx context.Context, u *expire.User, user, mailbox string) error
	remote  func(ctx context.Context, a *remote.Account, user, mailbox string) error
	// url is the IMAP server's; nil for mail on this machine.
	url      *imapurl.URL
	password string

	// work does the work for a user; by default, in each mailbox.
	work func(ctx context.Context, name string) error
	jobs int // users at once
	// patience is how long work may go on beyond the end of the time; 0 for ever.
	patience time.Duration
	order    func(names []string) []string // changes the order of the users; may be nil

	mu            sync.Mutex
	busy          map[string]int // users whose turn it is, and how often
	count, failed int            // users
	worst         int            // exit status so far
	stopped       bool
}

func (s *sweep) say(format string, args ...any) {
	fmt.Fprintf(s.stderr, "dovetail: %s\n", cli.OneLine(fmt.Sprintf(format, args...)))
}

// note says what went wrong and remembers the exit status that it has. Temporary
// failures win over all others.
func (s *sweep) note(err error) {
	s.say("error: %v", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if status := mailerr.ExitCode(err); s.worst == 0 || status == mailerr.ExTempFail {
		s.worst = status
	}
}

// run goes over the users.
func (s *sweep) run(ctx context.Context) error {
	if s.options.maxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.options.maxTime)
		defer cancel()
	}
	names, err := s.names(ctx)
	if s.order != nil {
		names = s.order(names)
	}
	worked := make(chan struct{})
	go func() {
		s.each(ctx, names)
		close(worked)
	}()
	s.wait(ctx, worked)
	if err != nil && ctx.Err() == nil {
		s.note(fmt.Errorf("listing the users: %w", err))
	}
	return s.end(ctx)
}

// each does the work for the users.
func (s *sweep) each(ctx context.Context, names []string) {
	var group errgroup.Group
	group.SetLimit(max(s.jobs, 1))
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { s.one(ctx, name); return nil })
	}
	group.Wait() //nolint:errcheck // one has noted what went wrong
}

// wait waits for the end of the work. Beyond the context's end it does so for the time
// that the run has patience: the file system of a home may never answer.
func (s *sweep) wait(ctx context.Context, worked <-chan struct{}) {
	select {
	case <-worked:
		return
	case <-ctx.Done():
	}
	if s.patience == 0 {
		<-worked
		return
	}
	select {
	case <-worked:
	case <-time.After(s.patience):
		s.mu.Lock()
		defer s.mu.Unlock()
		s.say("error: given up, as nothing came back for %v from the mail of: %s", s.patience, strings.Join(slices.Sorted(maps.Keys(s.busy)), ", "))
	}
}

// one does the work for one user.
func (s *sweep) one(ctx context.Context, name string) {
	if ctx.Err() != nil {
		return
	}
	s.begin(name)
	err := s.work(ctx, name)
	failed := false
	switch {
	case err == nil, ctx.Err() != nil:
	case s.many() && mailerr.Of(err).Exit == mailerr.ExNoUser:
		s.say("user %s does not exist, skipping", name)
	default:
		s.note(fmt.Errorf("user %s: %w", name, err))
		failed = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[name]--; s.busy[name] == 0 {
		delete(s.busy, name)
	}
	if failed {
		s.failed++
	}
}

func (s *sweep) begin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == nil {
		s.busy = map[string]int{}
	}
	s.busy[name]++
	s.count++
}

// end gives the error that the run ends with.
func (s *sweep) end(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := fmt.Sprintf("%d users", s.count)
	s.stopped = ctx.Err() != nil
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("stopped after %v, in the last of %s", s.options.maxTime, users)
	case err != nil:
		return fmt.Errorf("interrupted in the last of %s", users)
	case s.failed > 0 && s.many():
		return exit(fmt.Errorf("%d of %s failed", s.failed, users), s.worst)
	case s.worst != 0:
		return exit(errors.New("not everything could be done"), s.worst)
	case s.count == 0:
		return exit(errors.New("there are no such users"), mailerr.ExNoUser)
	case s.many() && s.options.verbose:
		s.say("%s", users)
	}
	return nil
}

// resolve finds a user and the mail.
func (s *sweep) resolve(ctx context.Context, name string) (*userdb.User, *maildir.Store, fsx.Credentials, error) {
	rcpt, err := s.users.ResolveUser(ctx, name)
	if err != nil {
		return nil, nil, fsx.Credentials{}, err
	}
	u := rcpt.User
	store, err := s.stores(u, rcpt.Location)
	return u, store, fsx.Credentials{UID: u.UID, GID: u.GID, Groups: u.Groups}, err
}
