package lmtp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// session is the state of one connection.
type session struct {
	srv    *settings
	log    *slog.Logger
	wire   *wire
	base   context.Context // of transactions; does not end when the server stops
	id     string
	peer   netip.AddrPort // not valid for a UNIX socket
	trust  bool           // peer may use XCLIENT
	client Client
	proto  string // protocol by XCLIENT, "" without
	xhelo  string // LHLO name by XCLIENT, "" without

	faults       int // in a row
	transactions int
	over         bool

	tx     *Transaction // nil between two transactions
	ctx    context.Context
	cancel context.CancelFunc
	index  map[string]int // address to its index in tx.Recipients
	rcpts  []int          // the index in tx.Recipients for each RCPT answered 250, in order
	intake *intake        // not nil from DATA or the first BDAT on
}

func newSession(ctx context.Context, srv *settings, conn net.Conn) *session {
	s := &session{
		srv:   srv,
		wire:  newWire(conn, &srv.Limits),
		base:  context.WithoutCancel(ctx),
		id:    srv.NewID(),
		index: map[string]int{},
	}
	s.log = srv.Log.With("session", s.id)
	switch addr := conn.RemoteAddr().(type) {
	case *net.UnixAddr:
		s.trust = true
	case *net.TCPAddr:
		s.peer = netip.AddrPortFrom(addr.AddrPort().Addr().Unmap(), uint16(addr.Port))
		for _, network := range srv.Trusted {
			s.trust = s.trust || network.Contains(s.peer.Addr())
		}
	}
	s.client.Addr = s.peer
	return s
}

// run is the whole session.
func (s *session) run(ctx context.Context) {
	start := time.Now()
	defer s.end(start)
	stop := context.AfterFunc(ctx, func() { s.wire.stop(s.srv.Limits.Grace) })
	defer stop()

	s.log.Debug("LMTP session starts", "peer", s.peerName())
	s.greet()
	for !s.over {
		line, err := s.wire.command(s.tx == nil)
		switch {
		case errors.Is(err, errLineTooLong):
			s.fault("5.5.2 Line too long")
		case err != nil:
			s.lost(err)
		default:
			s.command(string(line))
		}
	}
	if err := s.wire.flush(); err != nil {
		s.log.Debug("the last replies were not sent", "error", err)
	}
}

// end frees what the session holds, also after a panic.
func (s *session) end(start time.Time) {
	if p := recover(); p != nil {
		s.log.Error("panic in an LMTP session", "panic", p, "stack", string(debug.Stack()))
		s.reply(421, "4.3.0 Internal error")
		if err := s.wire.flush(); err != nil {
			s.log.Debug("the last reply was not sent", "error", err)
		}
	}
	s.reset()
	if err := s.wire.conn.Close(); err != nil {
		s.log.Debug("closing the connection", "error", err)
	}
	s.log.Debug("LMTP session ends", "transactions", s.transactions, "duration", time.Since(start))
}

func (s *session) greet() { s.reply(220, s.srv.Hostname+" dovetail ready") }

func (s *session) peerName() string {
	if s.peer.IsValid() {
		return s.peer.String()
	}
	return "local"
}

// command executes one command line.
func (s *session) command(line string) {
	verb, arg, _ := strings.Cut(line, " ")
	run, ok := commands[strings.ToUpper(verb)]
	if !ok {
		s.fault("5.5.1 Unknown command")
		return
	}
	s.faults = 0
	run(s, strings.TrimSpace(arg))
}

// fault answers 500 to a line that is not LMTP. Too many in a row end the
// session: the peer speaks another protocol. Commands that are understood and
// refused do not count, since one refused MAIL has the whole group after it refused.
func (s *session) fault(text string) {
	s.log.Debug("not an LMTP command", "reply", text)
	s.reply(500, text)
	if s.faults++; s.faults >= s.srv.Limits.Faults {
		s.bye("4.7.0 Too many invalid commands")
	}
}

// bye ends the session with 421.
func (s *session) bye(text string) {
	s.reply(421, text)
	s.over = true
}

// lost ends the session after the connection has failed to give what was to come.
func (s *session) lost(err error) {
	s.over = true
	switch {
	case errors.Is(err, errStopping):
		s.bye("4.3.2 " + s.srv.Hostname + " is shutting down")
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.bye("4.4.2 Disconnected for inactivity")
		fallthrough
	case !errors.Is(err, io.EOF) || s.tx != nil:
		s.log.Debug("LMTP session is lost", "error", err, "in_transaction", s.tx != nil, "in_message", s.intake != nil)
	}
}

// begin opens a transaction.
func (s *session) begin(tx *Transaction) {
	s.transactions++
	tx.ID = s.id
	if s.transactions > 1 {
		tx.ID += ":T" + strconv.Itoa(s.transactions)
	}
	tx.Client = s.client
	tx.Protocol = s.protocol(tx.SMTPUTF8)
	s.tx = tx
	s.ctx, s.cancel = context.WithCancel(s.base)
}

// protocol is the protocol's name in a Received field (RFC 3848, RFC 6531 section 4.3).
func (s *session) protocol(utf8 bool) string {
	if s.proto != "" {
		return s.proto
	}
	name := "LMTP"
	if utf8 {
		name = "UTF8LMTP"
	}
	if s.client.TLS != nil {
		name += "S"
	}
	return name
}

// reset ends the transaction, if there is one.
func (s *session) reset() {
	if s.tx == nil {
		return
	}
	s.cancel()
	s.tx, s.ctx, s.cancel = nil, nil, nil
	clear(s.index)
	s.rcpts = s.rcpts[:0]
	if s.intake != nil {
		s.intake.release()
		s.intake = nil
	}
}
