package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/config"
	"dovetail/internal/delivery"
	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// lda is one delivery.
type lda struct {
	stdin                                        io.Reader
	user, sender, original, final, mailbox, path string
	senderKnown                                  bool // by a flag, the null sender too
	reject                                       bool
}

// run delivers. Its errors end the program with the status that mailerr gives.
func (l *lda) run(ctx context.Context, c *config.Config) error {
	if err := l.fillIn(); err != nil {
		return err
	}
	log, closer, err := setup.SystemLogger(c.Log, name)
	if err != nil {
		return err
	}
	defer closer.Close()
	memory := &setup.Memory{}
	defer memory.Close()
	d, err := setup.Delivery(c, "lda", memory, log)
	if err != nil {
		return err
	}
	if l.reject {
		d.Executor.RejectByReply = true
	}
	rcpt, err := d.Accept(ctx, l.user, "", 0)
	if err != nil {
		return fmt.Errorf("user %s: %w", l.user, err)
	}
	m, done, err := l.read(c)
	if err != nil {
		return err
	}
	defer done()
	tx := l.transaction(rcpt, m, c.Mail.OriginalRecipientHead)
	err = d.Deliver(ctx, tx)[0]
	if mailerr.IsPermanent(err) {
		// The MTA puts this into its bounce: it must not tell of paths. The log has it all.
		return &mailerr.Error{Class: mailerr.Permanent, Public: mailerr.Of(err).Public, Exit: mailerr.ExitCode(err)}
	}
	return err
}

// fillIn finds the user when no flag names one: whoever runs the program. To
// root nothing is delivered.
func (l *lda) fillIn() error {
	if l.user != "" {
		return nil
	}
	if os.Geteuid() == 0 {
		return usage("destination user parameter (-d user) not given")
	}
	u, err := user.Current()
	if err != nil {
		return usage(fmt.Sprintf("destination user parameter (-d user) not given, and this process's own is not known: %v", err))
	}
	l.user = u.Username
	return nil
}

func usage(text string) error {
	return &mailerr.Error{Class: mailerr.Permanent, Public: text, Exit: mailerr.ExUsage}
}

// read takes the message in. done frees it.
func (l *lda) read(c *config.Config) (m *message.Message, done func(), err error) {
	in := l.stdin
	if l.path != "" {
		f, err := os.Open(l.path)
		if err != nil {
			return nil, nil, mailerr.Temp(fmt.Errorf("message: %w", err), "Cannot read the message")
		}
		defer f.Close()
		in = f
	}
	spool := message.NewSpool(c.LMTP.SpoolDir, int(c.LMTP.SpoolMemory))
	m, from, err := readMessage(in, spool)
	if err != nil {
		err = mailerr.Temp(errors.Join(fmt.Errorf("reading the message: %w", err), spool.Close()), "Cannot read the message")
		return nil, nil, err
	}
	if !l.senderKnown {
		l.sender = from
		if path, ok := m.Get("Return-Path"); ok && from == "" {
			l.sender = path
		}
	}
	l.sender = bare(l.sender)
	return m, func() { _ = spool.Close() }, nil // an unnamed file that was only read
}

// transaction is the envelope that the flags and the message make.
func (l *lda) transaction(rcpt *delivery.Recipient, m *message.Message, originalHead string) *delivery.Transaction {
	rcpt.ID = newID()
	if l.final != "" {
		rcpt.Address = bare(l.final)
	}
	if l.mailbox != "" {
		rcpt.Mailbox = l.mailbox
	}
	rcpt.OrigTo = bare(l.original)
	if value, ok := m.Get(originalHead); ok && rcpt.OrigTo == "" && originalHead != "" {
		rcpt.OrigTo = bare(value)
	}
	return &delivery.Transaction{ID: rcpt.ID, From: l.sender, Recipients: []*delivery.Recipient{rcpt}, Message: m}
}

// bare takes white space and angle brackets off an address.
func bare(address string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(address), "<"), ">")
}

func newID() string {
	var b [9]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
