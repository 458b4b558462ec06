package submission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// SMTP sends by an SMTP server that takes mail from this machine without
// authentication (RFC 5321), with 8BITMIME, SIZE and SMTPUTF8 where it offers them.
type SMTP struct {
	Addr    string        // host:port
	Hello   string        // our name in EHLO; "localhost" when empty
	Timeout time.Duration // of one message; 0: DefaultTimeout

	now func() time.Time // nil: time.Now
}

// Send sends m. Addresses have no angle brackets; from "" is the null sender.
// Errors are classified.
func (s *SMTP) Send(ctx context.Context, from string, to []string, m *message.Message) error {
	_, err := s.SendAsking(ctx, from, to, m, Request{})
	return err
}

// SendAsking is Send that asks the server for something. A server without DSN
// gets the message all the same (RFC 6009 section 6); one without DELIVERBY only
// where the message need not be returned when it is late.
func (s *SMTP) SendAsking(ctx context.Context, from string, to []string, m *message.Message, ask Request) (Taken, error) {
	if err := checkAddresses(from, to); err != nil {
		return Taken{}, err
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	taken, err := s.send(ctx, from, to, m, ask)
	if err == nil {
		return taken, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err() // the closed connection tells less
	}
	return Taken{}, classify(fmt.Errorf("sending mail by %s: %w", s.Addr, err))
}

func (s *SMTP) send(ctx context.Context, from string, to []string, m *message.Message, ask Request) (Taken, error) {
	var dialer net.Dialer
	tcp, err := dialer.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return Taken{}, err
	}
	conn := &mailLine{Conn: tcp}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	c := smtp.NewClient(conn)
	hello := s.Hello
	if hello == "" {
		hello = "localhost"
	}
	if err := c.Hello(hello); err != nil {
		// Whatever the server says here, it says about itself, not about the message.
		return Taken{}, mailerr.Temp(fmt.Errorf("EHLO: %w", err), public)
	}
	utf8 := strings.ContainsFunc(from+strings.Join(to, ""), func(r rune) bool { return r > 0x7f })
	if ok, _ := c.Extension("SMTPUTF8"); utf8 && !ok {
		return Taken{}, &mailerr.Error{Class: mailerr.Permanent, Code: 553, Status: [3]int{5, 6, 7}, Public: public,
			Exit: mailerr.ExNoPerm, Err: errors.New("the server does not offer SMTPUTF8")}
	}
	now := time.Now
	if s.now != nil {
		now = s.now
	}
	mail, rcpt, by, taken, err := ask.options(c, now())
	if err != nil {
		return Taken{}, err
	}
	mail.Size, mail.UTF8, conn.param = m.VirtualSize(), utf8, by
	if err := c.Mail(from, &mail); err != nil {
		return Taken{}, fmt.Errorf("MAIL FROM:<%s>: %w", from, err)
	}
	for _, address := range to {
		if err := c.Rcpt(address, &rcpt); err != nil {
			return Taken{}, fmt.Errorf("RCPT TO:<%s>: %w", address, err)
		}
	}
	return taken, transmit(c, m)
}

// transmit sends the message itself.
func transmit(c *smtp.Client, m *message.Message) error {
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := io.Copy(w, m.Open()); err != nil {
		return fmt.Errorf("message: %w", err) // w stays open: the end of DATA must not be sent
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end of message: %w", err)
	}
	_ = c.Quit() // the message is the server's already
	return nil
}

// classify gives err the class of the server's reply in it.
func classify(err error) error {
	var known *mailerr.Error
	if errors.As(err, &known) {
		e := *known
		e.Err = err
		return &e
	}
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) || reply.Temporary() {
		return mailerr.Temp(err, public)
	}
	e := mailerr.Perm(err, public)
	if reply.EnhancedCode[0] == 5 {
		e.Status = reply.EnhancedCode
	}
	return e
}
