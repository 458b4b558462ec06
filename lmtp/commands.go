package lmtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"strconv"
	"strings"
	"time"
)

// commands are the commands by name. Their argument has no white space at its ends.
var commands = map[string]func(*session, string){
	"LHLO":     (*session).lhlo,
	"HELO":     (*session).helo,
	"EHLO":     (*session).helo,
	"MAIL":     (*session).mail,
	"RCPT":     (*session).rcpt,
	"DATA":     (*session).data,
	"BDAT":     (*session).bdat,
	"RSET":     (*session).rset,
	"NOOP":     (*session).noop,
	"VRFY":     (*session).vrfy,
	"QUIT":     (*session).quit,
	"STARTTLS": (*session).startTLS,
	"XCLIENT":  (*session).xclient,
}

func (s *session) lhlo(arg string) {
	if arg == "" || len(arg) > 255 || !isText(arg) || strings.Contains(arg, " ") {
		s.refuse(501, "5.5.4 LHLO needs a host name")
		return
	}
	s.reset()
	s.client.Helo = cmp.Or(s.xhelo, arg)
	lines := []string{s.srv.Hostname, "8BITMIME", "CHUNKING", "DELIVERBY", "ENHANCEDSTATUSCODES", "PIPELINING", "SIZE", "SMTPUTF8"}
	if s.srv.Limits.MessageSize > 0 {
		lines[6] += " " + strconv.FormatInt(s.srv.Limits.MessageSize, 10)
	}
	if s.srv.TLS != nil && s.client.TLS == nil {
		lines = append(lines, "STARTTLS")
	}
	if s.trust {
		lines = append(lines, "XCLIENT "+xclientNames)
	}
	last := len(lines) - 1
	for _, line := range lines[:last] {
		s.line(250, '-', line)
	}
	s.line(250, ' ', lines[last])
}

// helo refuses SMTP's greetings (RFC 2033 section 4.1).
func (s *session) helo(string) { s.refuse(500, "5.5.1 This is LMTP: use LHLO") }

func (s *session) mail(arg string) {
	switch {
	case s.client.Helo == "":
		s.refuse(503, "5.5.1 LHLO needed first")
		return
	case s.tx != nil:
		s.refuse(503, "5.5.1 MAIL already given")
		return
	}
	tx, bad := parseMail(arg)
	if bad == nil && s.srv.Limits.MessageSize > 0 && tx.Size > s.srv.Limits.MessageSize {
		bad = tooLarge
	}
	if bad != nil {
		s.refuse(bad.code, bad.text)
		return
	}
	s.begin(tx)
	s.reply(250, "2.1.0 OK")
}

func (s *session) rcpt(arg string) {
	switch {
	case s.tx == nil:
		s.refuse(503, "5.5.1 MAIL needed first")
		return
	case s.intake != nil:
		s.refuse(503, "5.5.1 RCPT after BDAT")
		return
	case len(s.rcpts) >= s.srv.Limits.Recipients:
		s.refuse(452, "4.5.3 Too many recipients")
		return
	}
	rcpt, bad := parseRcpt(arg)
	if bad != nil {
		s.refuse(bad.code, bad.text)
		return
	}
	i, again := s.index[rcpt.Address]
	if !again {
		i = len(s.tx.Recipients)
		rcpt.ID = s.tx.ID
		if i > 0 {
			rcpt.ID += ":R" + strconv.Itoa(i+1)
		}
		accepted, err := s.srv.Deliverer.Accept(s.ctx, s.tx, rcpt)
		if err != nil {
			s.replyError(err, "")
			return
		}
		rcpt.Accepted = accepted
		s.tx.Recipients = append(s.tx.Recipients, rcpt)
		s.index[rcpt.Address] = i
	}
	s.rcpts = append(s.rcpts, i)
	s.reply(250, "2.1.5 OK")
}

func (s *session) rset(string) {
	s.reset()
	s.reply(250, "2.0.0 OK")
}

func (s *session) noop(string) { s.reply(250, "2.0.0 OK") }

func (s *session) vrfy(string) { s.reply(252, "2.3.3 Try RCPT instead") }

func (s *session) quit(string) {
	s.reply(221, "2.0.0 Bye")
	s.over = true
}

// startTLS is RFC 3207. What the client sent after the command in plain text is
// dropped: it may be an attacker's.
func (s *session) startTLS(arg string) {
	switch {
	case s.srv.TLS == nil:
		s.refuse(502, "5.5.1 TLS is not set up")
		return
	case s.client.TLS != nil:
		s.refuse(503, "5.5.1 TLS is already active")
		return
	case s.tx != nil:
		s.refuse(503, "5.5.1 STARTTLS in a transaction")
		return
	case arg != "":
		s.refuse(501, "5.5.4 STARTTLS has no parameters")
		return
	}
	s.reply(220, "2.0.0 Begin TLS negotiation now")
	if err := s.wire.flush(); err != nil {
		s.lost(err)
		return
	}
	conn := tls.Server(s.wire.conn, s.srv.TLS)
	ctx, cancel := context.WithTimeout(s.base, s.srv.Limits.IdleTimeout)
	defer cancel()
	s.wire.conn.SetDeadline(time.Now().Add(s.srv.Limits.IdleTimeout))
	if err := conn.HandshakeContext(ctx); err != nil {
		s.log.Debug("TLS handshake failed", "peer", s.peerName(), "error", err)
		s.over = true
		return
	}
	s.wire.replace(conn)
	state := conn.ConnectionState()
	s.client.TLS, s.client.Helo = &state, "" // LHLO has to come again
}
