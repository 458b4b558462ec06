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
//	0 without DidSet  known in this class, or without a word to learn
//	65                refused: spamd cannot read the message
//	everything else   an error: the lesson is tried again
//
// # Limits
//
// Spamd answers 0 without DidSet also when it could not open its database for writing,
// so a user's database that is locked for minutes loses the lesson. From here that
// cannot be told from a message that is known.
package spamd

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

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

// maxAnswer bounds the bytes of an answer. Spamd's have some hundred.
const maxAnswer = 16 << 10

// Codes of spamd's answers, sysexits.h.
const (
	exOK          = 0
	exDataErr     = 65
	exUnavailable = 69
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

// CheckAddress says what is wrong with spamd's address.
func CheckAddress(s string) error {
	_, _, err := parseAddress(s)
	return err
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
	head, err := b.head(user, item)
	if err != nil {
		return learn.Result{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	a, err := b.ask(ctx, io.MultiReader(strings.NewReader(head), item.Message.Open()))
	if err != nil {
		return learn.Result{Err: fmt.Errorf("teaching spamd: %w (%w)", err, errAll)}
	}
	return a.result(item)
}

// head gives the request up to the message.
func (b *Backend) head(user string, item learn.Item) (string, error) {
	var h strings.Builder
	fmt.Fprintf(&h, "TELL SPAMC/1.5\r\nContent-length: %d\r\nMessage-class: %s\r\nSet: local\r\n", item.Message.Size(), item.Class)
	if b.o.User != nil && user != "" {
		name := b.o.User.Expand(&expand.Vars{User: user})
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", fmt.Errorf("user %q: spamd takes no control characters", name)
		}
		fmt.Fprintf(&h, "User: %s\r\n", name)
	}
	return h.String() + "\r\n", nil
}

// ask makes one request.
func (b *Backend) ask(ctx context.Context, request io.Reader) (*answer, error) {
	c, err := new(net.Dialer).DialContext(ctx, b.network, b.address)
	if err != nil {
		return nil, err
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
		return nil, ctx.Err()
	}
	return nil, cmp.Or(sendErr, err)
}

// answer is what spamd said.
type answer struct {
	code   int
	text   string
	didSet bool
}

func readAnswer(r io.Reader) (*answer, error) {
	limited := &io.LimitedReader{R: r, N: maxAnswer}
	tp := textproto.NewReader(bufio.NewReader(limited))
	line, err := tp.ReadLine()
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	// SPAMD/1.1 CODE TEXT
	protocol, rest, _ := strings.Cut(line, " ")
	code, text, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(protocol, "SPAMD/") {
		return nil, fmt.Errorf("the answer %.100q is not spamd's", line)
	}
	a := &answer{code: n, text: strings.ToValidUTF8(text[:min(len(text), 300)], "?")}
	if n != exOK {
		return a, nil // some errors come without a header
	}
	header, err := tp.ReadMIMEHeader()
	switch {
	case limited.N == 0:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	for _, set := range strings.Split(header.Get("DidSet"), ",") {
		a.didSet = a.didSet || strings.TrimSpace(set) == "local"
	}
	return a, nil
}

// result says what an answer means.
func (a *answer) result(item learn.Item) learn.Result {
	switch {
	case a.code == exOK && !a.didSet:
		return learn.Result{Outcome: learn.Already, Reason: "spamd had nothing to learn"}
	case a.code == exOK && item.Prior != learn.None:
		return learn.Result{Outcome: learn.Relearned}
	case a.code == exOK:
		return learn.Result{Outcome: learn.Learned}
	case a.code == exDataErr:
		return learn.Result{Outcome: learn.Refused, Reason: a.text}
	}
	err := fmt.Errorf("spamd answers %d %s", a.code, a.text)
	if a.code == exUnavailable {
		err = fmt.Errorf("%w (%w: it needs --allow-tell)", err, errAll)
	}
	return learn.Result{Err: err}
}
