// Package script is the server's side of Dovecot's script-service protocol: what
// Sieve's pipe, filter and execute speak to a UNIX socket in sieve_pipe_socket_dir,
// sieve_filter_socket_dir or sieve_execute_socket_dir, which Pigeonhole looks for
// before it looks for a program of that name. No process is started for a message.
// The directories are relative to Dovecot's base_dir (/run/dovecot), also where
// they begin with a slash.
//
// # Protocol
//
// Version 4.0, as captured from Dovecot 2.3.19 and 2.4.1, which send the same:
//
//	VERSION TAB script TAB 4 TAB 0
//	env_USER=user1                  any number of these: USER, HOME, HOST, and
//	env_HOME=/home/user1            SENDER, RECIPIENT, ORIG_RECIPIENT at delivery
//	-                               or noreply
//	user1                           the arguments, a line each
//	                                an empty line
//	From: a@example.net             the message, until the client's shutdown
//
// Lines end with LF. In environment and arguments TAB, LF, CR, NUL and \001 are
// \001 and one of t, n, r, 0, 1. The answer is + or -, and LF, but for noreply.
//
// An empty argument cannot be told from the end of the arguments: what follows it
// becomes a part of the message. So a Sieve script that may have an empty value has
// to pass it as --from=${from}.
//
// # Half a message
//
// Nothing tells the length of the message. A client that dies while it sends, and
// one that has sent all, both give an end of file. But the one that has sent all
// has shut down its own direction only, and waits for the answer, while the kernel
// closes both directions of a dead one: this is asked when the end comes
// (poll(2), POLLHUP), and then Request.Body ends with io.ErrUnexpectedEOF instead of
// io.EOF. With noreply, where nobody waits, half a message looks whole; Dovecot's
// Sieve never asks for that.
//
// # Hostile clients
//
// Whoever can connect to the socket can send anything, so Request.UID says who it
// is. Lines in front of the message are bounded in bytes, the whole connection in
// time, the message in bytes, and the number of connections; further ones wait in
// the kernel's queue, those of a uid that has many already are closed. None of that
// is an answer "+".
package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Request is what a client asks for.
type Request struct {
	Name string            // of the service, as given to Serve
	UID  uint32            // of the client's process
	Env  map[string]string // USER, HOME, …: what the client claims
	Args []string
	// Body is the message. It ends with io.EOF when it is whole, with ErrTooBig
	// when it is larger than Limits.Message.
	Body io.Reader

	noReply bool // the client does not wait for an answer
}

// Handler does what a request asks for. It may be called by several goroutines. Nil
// means success. What it leaves of the body is read for it.
type Handler func(context.Context, Request) error

// Limits bound what a client may take. A zero is the default.
type Limits struct {
	Header      int           // bytes in front of the message; default 64 KiB
	Message     int64         // bytes; default 1 GiB
	HeaderTime  time.Duration // for all in front of the message; default 10 s
	Time        time.Duration // for all; default 1 min (Dovecot waits 10 s for an answer)
	Connections int           // at once, to one service; default 200
	User        int           // at once, of one uid but root, to all services together; default 50
}

func (l Limits) withDefaults() Limits {
	set(&l.Header, 64<<10)
	set(&l.Message, 1<<30)
	set(&l.HeaderTime, 10*time.Second)
	set(&l.Time, time.Minute)
	set(&l.Connections, 200)
	set(&l.User, 50)
	return l
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// ErrTooBig ends a body that is larger than Limits.Message.
var ErrTooBig = errors.New("the message is too big")

// Server serves requests, for one or more services.
type Server struct {
	Handler Handler
	Limits  Limits
	// Failed is told of connections that were no success: what the handler, the
	// client or the network did. It may be nil.
	Failed func(name string, uid uint32, err error)

	users users // of all services
}

// Serve serves the connections to l, which it closes in the end, under a name. When
// ctx ends it accepts no more and returns nil after those under way have ended,
// which Limits.Time bounds. An error means that l has failed.
func (s *Server) Serve(ctx context.Context, name string, l *net.UnixListener) error {
	limits := s.Limits.withDefaults()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, limits.Connections)
	pause := time.Millisecond
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case err != nil && temporary(err):
			<-slots
			s.failed(name, 0, fmt.Errorf("accepting a connection: %w", err))
			wait(ctx, pause)
			pause = min(2*pause, time.Second)
			continue
		case err != nil:
			return fmt.Errorf("accepting a connection to %s: %w", name, err)
		}
		pause = time.Millisecond
		// Counted here, so that they enter in the order in which they came.
		uid, err := peerUID(c)
		if err == nil {
			err = s.users.enter(uid, limits.User)
		}
		if err != nil {
			c.Close()
			<-slots
			s.failed(name, uid, err)
			continue
		}
		under.Go(func() {
			defer func() { <-slots }()
			defer c.Close()
			defer s.users.leave(uid)
			if err := s.serve(context.WithoutCancel(ctx), name, uid, c, limits); err != nil {
				s.failed(name, uid, err)
			}
		})
	}
}

// wait waits for a while, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// users counts the connections of each uid.
type users struct {
	mu sync.Mutex
	n  map[uint32]int
}

// enter counts a connection of a uid, if it may have another one.
func (u *users) enter(uid uint32, most int) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if uid != 0 && u.n[uid] >= most {
		return fmt.Errorf("the uid has %d connections already", most)
	}
	if u.n == nil {
		u.n = map[uint32]int{}
	}
	u.n[uid]++
	return nil
}

func (u *users) leave(uid uint32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n[uid]--; u.n[uid] == 0 {
		delete(u.n, uid)
	}
}

func (s *Server) failed(name string, uid uint32, err error) {
	if s.Failed != nil {
		s.Failed(name, uid, err)
	}
}

// serve reads the request of a connection, has it handled, and sends the answer.
func (s *Server) serve(ctx context.Context, name string, uid uint32, c *net.UnixConn, limits Limits) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	end, _ := ctx.Deadline()
	header := time.Now().Add(limits.HeaderTime)
	if header.After(end) {
		header = end
	}
	if err := c.SetDeadline(header); err != nil {
		return err
	}
	r, rest, err := readRequest(c, limits.Header)
	if err != nil {
		return fmt.Errorf("reading a request: %w", err)
	}
	if err := c.SetDeadline(end); err != nil {
		return err
	}
	r.Name, r.UID = name, uid
	body := &body{r: rest, left: limits.Message}
	if !r.noReply {
		body.there = func() error { return stillThere(c) }
	}
	r.Body = body
	err = s.Handler(ctx, r)
	// All is read, also when it failed: the client would see a broken pipe.
	if _, readErr := io.Copy(io.Discard, body); err == nil {
		err = readErr
	}
	if r.noReply {
		return err
	}
	answer := "+\n"
	if err != nil {
		answer = "-\n"
	}
	if _, writeErr := io.WriteString(c, answer); writeErr != nil {
		err = errors.Join(err, fmt.Errorf("answering: %w", writeErr))
	}
	return err
}
