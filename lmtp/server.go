package lmtp

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"dovetail/internal/message"
)

// Config is what a Server is made of. Hostname, Deliverer and Log are needed.
type Config struct {
	Hostname  string // in the greeting and the answer to LHLO
	Deliverer Deliverer
	Log       *slog.Logger // sessions and protocol faults at debug; recipients are the Deliverer's to log
	Limits    Limits

	// TLS offers STARTTLS when it is not nil. Its GetCertificate can follow a certificate that changes.
	TLS *tls.Config
	// Trusted are the networks of peers that may use XCLIENT. A peer on a UNIX
	// socket always may: the socket's mode has decided who that can be.
	Trusted []netip.Prefix
	// NewID makes the id of a session; 72 random bits in base64url when nil.
	NewID func() string
}

// Server serves LMTP sessions.
type Server struct {
	current atomic.Pointer[settings]
	slots   chan struct{} // one element for each session of Serve
}

// settings are a Config in force, and what sessions share under it.
type settings struct {
	Config
	spools sync.Pool // *message.Spool, empty
}

// New makes a Server.
func New(c Config) *Server {
	s := &Server{}
	s.Configure(c)
	s.slots = make(chan struct{}, s.current.Load().Limits.Sessions)
	return s
}

// Configure puts another Config in force for sessions that begin from now on;
// those under way keep theirs. Limits.Sessions stays as it was at New.
func (s *Server) Configure(c Config) {
	c.Limits = c.Limits.withDefaults()
	if c.NewID == nil {
		c.NewID = randomID
	}
	set := &settings{Config: c}
	large := message.NewBuffers(max(c.Limits.LargeSpools, 0), c.Limits.LargeMemory)
	set.spools.New = func() any {
		spool := message.NewSpool(c.Limits.SpoolDir, c.Limits.SpoolMemory)
		spool.Large = large
		return spool
	}
	s.current.Store(set)
}

func randomID() string {
	var b [9]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// acceptPause is how long Serve waits after a failed accept (out of file
// descriptors, mostly) before it tries again.
const acceptPause = 100 * time.Millisecond

// Serve takes sessions from l until ctx ends. Then it closes l, answers 421 to
// sessions between two transactions, lets the transactions under way end, and
// returns nil when the last session is over; Limits.Grace bounds the waiting for
// clients, not for deliveries. An error is returned only when l is closed by others.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting LMTP sessions on %s: %w", l.Addr(), err)
		default:
			s.current.Load().Log.Warn("cannot accept an LMTP session", "listener", l.Addr().String(), "error", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		s.takeSlot(ctx)
		sessions.Go(func() {
			defer func() { <-s.slots }()
			s.ServeConn(ctx, conn)
		})
	}
}

// takeSlot waits until a session more may run. A client waits for its greeting
// meanwhile: a 421 would make the MTA put off the mail for much longer.
func (s *Server) takeSlot(ctx context.Context) {
	select {
	case s.slots <- struct{}{}:
		return
	default:
	}
	s.current.Load().Log.Warn("all LMTP sessions are taken: clients have to wait", "sessions", cap(s.slots))
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		s.slots <- struct{}{} // sessions end now, this one with them
	}
}

// ServeConn serves one session and closes conn. The end of ctx ends the session
// as Serve says. A panic ends the session, not the program.
func (s *Server) ServeConn(ctx context.Context, conn net.Conn) {
	newSession(ctx, s.current.Load(), conn).run(ctx)
}
