// Package rspamd teaches rspamd, through the controller's HTTP interface.
//
// # Users
//
// A lesson is for the user whom the header Deliver-To names: with per_user set in
// rspamd's classifier each has a vocabulary of its own, else it does not matter.
//
// # Answers
//
// Rspamd's answers are told apart by status and text, since both changed from version
// to version:
//
//	200 {"success":true}     learned, also when it has replaced the other class
//	208 … already learned    known in this class
//	204 REASON               refused: a condition said no, or too few words
//	400 Empty body           refused
//	413                      refused: larger than rspamd's max_message
//	404 … already learned    see below
//	everything else          an error: the lesson is tried again
//
// A 404 with the text of 208 has two meanings. From a classifier with its own
// database it means 208. With redis rspamd says it when redis cannot be reached
// (measured with 3.4), and nothing was learned. So the controller is asked by /stat
// which of them it has, and with redis the answer is an error.
//
// # Limits
//
// Rspamd 3.4 says success after its own time limit when redis hangs, and a redis that
// is killed then takes the lesson with it. From here that cannot be seen.
package rspamd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"dovetail/internal/userdb/expand"
	"dovetail/learn"
)

// The defaults of Options.
const (
	DefaultURL     = "http://127.0.0.1:11334"
	DefaultTimeout = time.Minute
	DefaultMaxSize = 50 << 20 // rspamd's max_message
)

// Options say where rspamd is and how it is spoken to.
type Options struct {
	URL          string           // of the controller: http://HOST:PORT, https://…, or unix:PATH; empty: DefaultURL
	Password     string           // enable_password where rspamd has one, else password; empty: none is sent
	PasswordFile string           // holds the password in its first line; read for each batch
	DeliverTo    *expand.Template // the user as rspamd calls it; nil: Deliver-To is not sent
	Classifier   string           // which one learns; empty: rspamd's choice
	Bulk         bool             // also what the classifier is sure of already, as rspamc does for directories
	Connections  int              // at once, for the messages of one batch; 0: one
	Timeout      time.Duration    // for one message; 0: DefaultTimeout
	MaxSize      int64            // bytes, larger messages are refused; 0: DefaultMaxSize
}

// Backend is rspamd as a learn.Backend.
type Backend struct {
	o      Options
	client *client
}

// New makes a back end. Nothing is asked of rspamd yet.
func New(o Options) (*Backend, error) {
	o.Timeout, o.MaxSize = cmp.Or(o.Timeout, DefaultTimeout), cmp.Or(o.MaxSize, DefaultMaxSize)
	client, err := newClient(cmp.Or(o.URL, DefaultURL))
	if err != nil {
		return nil, err
	}
	return &Backend{o: o, client: client}, nil
}

// Name is "rspamd".
func (b *Backend) Name() string { return "rspamd" }

// Learn teaches the messages, over Options.Connections at once: their order does not matter, since
// each is another one.
func (b *Backend) Learn(ctx context.Context, user string, items []learn.Item) []learn.Result {
	results := make([]learn.Result, len(items))
	header, err := b.header(user)
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	var down atomic.Pointer[error] // for all that follow
	var group errgroup.Group
	group.SetLimit(max(b.o.Connections, 1))
	for i, item := range items {
		group.Go(func() error {
			if err := down.Load(); err != nil {
				results[i].Err = *err
				return nil
			}
			results[i] = b.learn(ctx, header.Clone(), item)
			if errors.Is(results[i].Err, errAll) {
				down.Store(&results[i].Err)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in the results
	return results
}

// errAll is in errors that every other message would have too.
var errAll = errors.New("rspamd is down or wrongly configured")

// header gives the fields of a user's requests.
func (b *Backend) header(user string) (http.Header, error) {
	h := http.Header{"User-Agent": {"dovetail"}}
	password := b.o.Password
	if b.o.PasswordFile != "" {
		text, err := os.ReadFile(b.o.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("reading rspamd's password: %w", err)
		}
		password, _, _ = strings.Cut(string(text), "\n")
		password = strings.TrimSuffix(password, "\r")
	}
	if password != "" {
		h.Set("Password", password)
	}
	if b.o.DeliverTo != nil && user != "" {
		h.Set("Deliver-To", b.o.DeliverTo.Expand(&expand.Vars{User: user}))
	}
	if b.o.Classifier != "" {
		h.Set("Classifier", b.o.Classifier)
	}
	if b.o.Bulk {
		h.Set("Learn-Type", "bulk")
	}
	return h, nil
}
