// Package spamd teaches SpamAssassin, by the command TELL of spamd's protocol
// (spamd/PROTOCOL in its distribution). The spamd must run with --allow-tell.
//
// # Users
//
// A lesson is for the user of the header User. Which database that is, spamd decides
// by its own options.
//
// # Answers
//
//	0 with DidSet     learned; spamd forgets the other class first by itself
//	0 without DidSet  see below
//	65                refused: spamd cannot read the message
//	everything else   an error: the lesson is tried again
//
// Spamd says 0 without DidSet of a message that it knows in this class, but also where
// it could not write its database, learns nothing at all (use_bayes 0), or not from
// this sender (bayes_ignore_from). So it is then told to forget the message: it can
// (DidRemove) only when it knew it, and then learns it anew; else it is an error. What
// a crash in between would leave is a message that is not known and is tried again.
package spamd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/userdb/expand"
	"dovetail/learn"
)

// The defaults of Options.
const (
	DefaultAddress = "tcp:127.0.0.1:783"
	DefaultTimeout = time.Minute
	// DefaultMaxSize is that of spamc: larger messages are seldom spam, and slow to read.
	DefaultMaxSize = 500 << 10
)

// Options say where spamd is.
type Options struct {
	Address string           // unix:PATH or tcp:HOST:PORT; empty: DefaultAddress
	User    *expand.Template // the user as spamd calls it; nil: User is not sent
	Timeout time.Duration    // for one message; 0: DefaultTimeout
	MaxSize int64            // bytes, larger messages are refused; 0: DefaultMaxSize
}

// Backend is spamd as a learn.Backend.
type Backend struct {
	o                Options
	network, address string
}

// New makes a back end. Nothing is asked of spamd yet.
func New(o Options) (*Backend, error) {
	o.Timeout, o.MaxSize = cmp.Or(o.Timeout, DefaultTimeout), cmp.Or(o.MaxSize, DefaultMaxSize)
	network, address, err := parseAddress(cmp.Or(o.Address, DefaultAddress))
	if err != nil {
		return nil, err
	}
	return &Backend{o: o, network: network, address: address}, nil
}

func parseAddress(s string) (network, address string, err error) {
	network, address, _ = strings.Cut(s, ":")
	switch network {
	case "unix":
		if strings.HasPrefix(address, "/") {
			return network, address, nil
		}
	case "tcp":
		host, port, err := net.SplitHostPort(address)
		if n, portErr := strconv.ParseUint(port, 10, 16); err == nil && portErr == nil && n > 0 && host != "" {
			return network, address, nil
		}
	}
	return "", "", fmt.Errorf("%q: expected unix:/PATH or tcp:HOST:PORT", s)
}

// Name is "spamd".
func (b *Backend) Name() string { return "spamd" }

// Learn teaches one message after the other: spamd takes one a connection.
func (b *Backend) Learn(ctx context.Context, user string, items []learn.Item) []learn.Result {
	results := make([]learn.Result, len(items))
	var down error
	for i, item := range items {
		if down != nil {
			results[i].Err = down
			continue
		}
		results[i] = b.learn(ctx, user, item)
		if errors.Is(results[i].Err, errAll) {
			down = results[i].Err
		}
	}
	return results
}

// errAll is in errors that every other message would have too.
var errAll = errors.New("spamd is down or wrongly configured")

func (b *Backend) learn(ctx context.Context, user string, item learn.Item) learn.Result {
	switch size := item.Message.Size(); {
	case item.Prior == item.Class:
		return learn.Result{Outcome: learn.Already}
	case size == 0:
		return learn.Result{Outcome: learn.Refused, Reason: "the message is empty"}
	case size > b.o.MaxSize:
		return learn.Result{Outcome: learn.Refused, Reason: fmt.Sprintf("the message has %d bytes, more than %d", size, b.o.MaxSize)}
	}
	nothing, err := wordless(item.Message)
	switch {
	case err != nil:
		return learn.Result{Err: err}
	case nothing:
		return learn.Result{Outcome: learn.Refused, Reason: "the message has no word"}
	}
	set := fmt.Sprintf("Message-class: %s\r\nSet: local\r\n", item.Class)
	a, err := b.tell(ctx, user, set, item.Message)
	if err != nil || a.code != exOK || a.did {
		return a.result(item, err)
	}
	a, err = b.tell(ctx, user, "Remove: local\r\n", item.Message)
	if err == nil && a.code == exOK && !a.did {
		err = errNothing
	}
	if err != nil || a.code != exOK {
		return a.result(item, err)
	}
	if a, err = b.tell(ctx, user, set, item.Message); err == nil && a.did {
		return learn.Result{Outcome: learn.Already}
	}
	return a.result(item, err)
}

// errNothing is the error of a lesson that spamd took without any effect.
var errNothing = errors.New("spamd has learned nothing, and did not know the message: it cannot write its database, or is told not to learn this")

// wordless tells of a message from which spamd learns nothing.
func wordless(m *message.Message) (bool, error) {
	if len(m.Fields()) > 0 {
		return false, nil
	}
	var text [512]byte
	for r := m.OpenBody(); ; {
		n, err := r.Read(text[:])
		switch {
		case len(bytes.TrimSpace(text[:n])) > 0:
			return false, nil
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, fmt.Errorf("reading the message: %w", err)
		}
	}
}

// tell makes one request, with fields that say what is to be done.
func (b *Backend) tell(ctx context.Context, user, what string, m *message.Message) (answer, error) {
	head := fmt.Sprintf("TELL SPAMC/1.5\r\nContent-length: %d\r\n%s", m.Size(), what)
	if b.o.User != nil && user != "" {
		name := b.o.User.Expand(&expand.Vars{User: user})
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return answer{}, fmt.Errorf("user %q: spamd takes no control characters", name)
		}
		head += "User: " + name + "\r\n"
	}
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	a, err := b.ask(ctx, io.MultiReader(strings.NewReader(head+"\r\n"), m.Open()))
	if err != nil {
		return answer{}, fmt.Errorf("teaching spamd: %w (%w)", err, errAll)
	}
	return a, nil
}

// ask makes one request.
func (b *Backend) ask(ctx context.Context, request io.Reader) (answer, error) {
	c, err := new(net.Dialer).DialContext(ctx, b.network, b.address)
	if err != nil {
		return answer{}, err
	}
	defer c.Close()
	// What ends ctx ends reading and writing.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, sendErr := io.Copy(c, request)
	if half, ok := c.(interface{ CloseWrite() error }); ok && sendErr == nil {
		sendErr = half.CloseWrite()
	}
	// One that says no at once does not read the message, and has answered nevertheless.
	a, err := readAnswer(c)
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return answer{}, ctx.Err()
	}
	return answer{}, cmp.Or(sendErr, err)
}
