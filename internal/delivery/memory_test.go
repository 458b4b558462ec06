package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	"dovetail/internal/peer"
	statemem "dovetail/internal/state/mem"
	"dovetail/internal/state/postgres"
	"dovetail/internal/state/sqlite"
	"dovetail/internal/state/statetest"
	"dovetail/sieve/action"
)

// faultyState is a State that can be made to fail.
type faultyState struct {
	State
	err error
}

func (f *faultyState) Seen(ctx context.Context, key action.Key) (bool, error) {
	if f.err != nil {
		return true, f.err
	}
	return f.State.Seen(ctx, key)
}

func (f *faultyState) Claim(ctx context.Context, key action.Key, ttl time.Duration) (bool, error) {
	if f.err != nil {
		return true, f.err
	}
	return f.State.Claim(ctx, key, ttl)
}

func (f *faultyState) Mark(ctx context.Context, key action.Key, ttl time.Duration) error {
	if f.err != nil {
		return f.err
	}
	return f.State.Mark(ctx, key, ttl)
}

func (f *faultyState) Release(ctx context.Context, key action.Key) error {
	if f.err != nil {
		return f.err
	}
	return f.State.Release(ctx, key)
}

// remembering is a site with a State and a clock that stands.
func remembering(t *testing.T, script string) (*site, *faultyState, *statetest.Clock) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "user.sieve")
	put(t, path, script)
	s, clock := newSite(t, path), statetest.NewClock()
	state := &faultyState{State: statemem.New(clock.Now)}
	s.Executor.State, s.Executor.RedirectOnce = state, 12*time.Hour
	return s, state, clock
}

func mailFrom(id string) *message.Message {
	return message.Parse(fmt.Appendf(nil, "From: s@example.net\nTo: u@example.org\nMessage-ID: <%s@example.net>\nSubject: hi\n\nbody\n", id))
}

// deliverOne delivers a message to u@example.org.
func (s *site) deliverOne(t *testing.T, from, id string) error {
	t.Helper()
	tx := &Transaction{ID: "t", From: from, Message: mailFrom(id)}
	r, err := s.Accept(t.Context(), "u@example.org", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	tx.Recipients = []*Recipient{r}
	return s.Deliver(t.Context(), tx)[0]
}

const vacationScript = `require "vacation"; vacation :days 7 "I am away";`

// Each sender gets one answer in the period, whatever becomes of the memory.
func TestVacationOnce(t *testing.T) {
	s, state, clock := remembering(t, vacationScript)
	n := 0
	steps := []struct {
		name    string
		before  func()
		from    string
		answers int // in all
		logged  string
	}{
		{name: "first", from: "a@example.net", answers: 1, logged: `"answered":"a@example.net"`},
		{name: "again", from: "A@example.net", answers: 1},
		{name: "other sender", from: "b@example.net", answers: 2},
		{name: "state down", before: func() { state.err = errors.New("no connection") }, from: "c@example.net", answers: 2,
			logged: "no response is sent to c@example.net, since it is not known whether one was before: no connection"},
		{name: "state is back", before: func() { state.err = nil }, from: "c@example.net", answers: 3},
		{name: "almost over", before: func() { clock.Move(7*24*time.Hour - time.Second) }, from: "a@example.net", answers: 3},
		{name: "over", before: func() { clock.Move(time.Second) }, from: "a@example.net", answers: 4},
		{name: "MTA refuses", before: func() { s.sink.err = mailerr.Temp(errors.New("busy"), "") }, from: "d@example.net", answers: 4,
			logged: "failed to send vacation response to d@example.net: busy"},
		{name: "MTA takes mail again", before: func() { s.sink.err = nil }, from: "d@example.net", answers: 5},
		{name: "connection breaks", before: func() { s.sink.err = mailerr.Temp(fmt.Errorf("end of message: %w", io.EOF), "") },
			from: "e@example.net", answers: 5, logged: "failed to send"},
		{name: "perhaps it was sent", before: func() { s.sink.err = nil }, from: "e@example.net", answers: 5},
		{name: "null sender", from: "", answers: 5},
	}
	for i, step := range steps {
		if step.before != nil {
			step.before()
		}
		s.log.Reset()
		if err := s.deliverOne(t, step.from, fmt.Sprint(i)); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		n++
		if got := len(s.sink.sent); got != step.answers {
			t.Errorf("%s: %d answers, want %d", step.name, got, step.answers)
		}
		if !strings.Contains(s.log.String(), step.logged) {
			t.Errorf("%s: no %q in the log %s", step.name, step.logged, s.log.String())
		}
		if got := len(s.stores["u"].Messages(mailstore.Inbox)); got != n {
			t.Errorf("%s: %d messages in INBOX, want %d", step.name, got, n)
		}
	}
	if m := s.sink.sent[0]; m.from != "" || m.to[0] != "a@example.net" || !strings.HasPrefix(m.text, "X-Sieve: dovetail\nMessage-ID: <") {
		t.Errorf("sent %+v", m)
	}
}

// A message that was not delivered is not answered.
func TestNoAnswerWithoutDelivery(t *testing.T) {
	s, _, _ := remembering(t, vacationScript)
	s.stores["u"] = mem.New()
	s.stores["u"].FailPublish = func(mailstore.Delivery) error { return errors.New("disk is broken") }
	if err := s.deliverOne(t, "a@example.net", "1"); err == nil || len(s.sink.sent) != 0 {
		t.Fatalf("error %v, %d sent", err, len(s.sink.sent))
	}
	s.stores["u"].FailPublish = nil
	if err := s.deliverOne(t, "a@example.net", "1"); err != nil || len(s.sink.sent) != 1 {
		t.Errorf("after it was mended: error %v, %d sent", err, len(s.sink.sent))
	}
}

// RFC 7352: a message is a duplicate once it was delivered, for the period.
func TestDuplicate(t *testing.T) {
	s, state, clock := remembering(t, `require ["duplicate", "fileinto"];
		if duplicate { fileinto "Twice"; }
		elsif header "message-id" "<bad@example.net>" { redirect "x@example.com"; }
		elsif header "message-id" "<odd@example.net>" { fileinto "../odd"; }`)
	steps := []struct {
		name   string
		before func()
		id     string
		want   string // new messages
		fails  bool
	}{
		{name: "new", id: "1", want: "INBOX"},
		{name: "again", id: "1", want: "Twice"},
		{name: "another", id: "2", want: "INBOX"},
		{name: "state down", before: func() { state.err = errors.New("down") }, id: "1", want: "INBOX"},
		{name: "not remembered while down", id: "3", want: "INBOX"},
		{name: "state is back", before: func() { state.err = nil }, id: "3", want: "INBOX"},
		{name: "over", before: func() { clock.Move(12 * time.Hour) }, id: "1", want: "INBOX"},
		{name: "deferred", before: func() { s.sink.err = mailerr.Temp(errors.New("busy"), "") }, id: "bad", fails: true},
		{name: "the MTA tries again", before: func() { s.sink.err = nil }, id: "bad"},
		{name: "delivered now", id: "bad", want: "Twice"},
		{name: "not where it was to go", id: "odd", want: "INBOX"},
		{name: "so that it does not count", id: "odd", want: "INBOX"},
	}
	for _, step := range steps {
		if step.before != nil {
			step.before()
		}
		s.stores["u"] = mem.New("Twice")
		if err := s.deliverOne(t, "a@example.net", step.id); (err != nil) != step.fails {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := boxes(t, s.stores["u"]); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
	if len(s.sink.sent) != 1 {
		t.Errorf("%d redirected", len(s.sink.sent))
	}
}

// A redirect that was made is not made again, and the message is kept then.
func TestRedirectOnce(t *testing.T) {
	clock := statetest.NewClock()
	state := &faultyState{State: statemem.New(clock.Now)}
	to := func(address string, extra ...message.Field) *action.Redirect {
		return &action.Redirect{Address: address, Message: original.Prepend(extra...)}
	}
	steps := []struct {
		name    string
		before  func()
		actions []action.Action
		rcpt    string
		sendErr error
		sent    int
		want    string
		code    int
		warns   int
	}{
		{name: "first", actions: []action.Action{to("a@x")}, sent: 1},
		{name: "again", actions: []action.Action{to("a@x")}, want: "INBOX", warns: 1},
		{name: "again, and discard", actions: []action.Action{to("a@x"), &action.Discard{}}, warns: 1},
		{name: "again, and another", actions: []action.Action{to("a@x"), to("b@x")}, sent: 1, warns: 1},
		{name: "again with :copy", actions: []action.Action{&action.Redirect{Address: "a@x", Copy: true, Message: original}, &action.Discard{}}, warns: 1},
		{name: "other recipient", actions: []action.Action{to("a@x")}, rcpt: "other@example.org", sent: 1},
		{name: "resent", actions: []action.Action{to("a@x", message.RawField("Resent-From", "p@x"))}, sent: 1},
		{name: "by a list", actions: []action.Action{to("a@x", message.RawField("List-Id", "<l.x>"))}, sent: 1},
		{name: "no Message-ID", actions: []action.Action{&action.Redirect{Address: "a@x", Message: message.Parse([]byte("\nx"))}}, sent: 1},
		{name: "no Message-ID again", actions: []action.Action{&action.Redirect{Address: "a@x", Message: message.Parse([]byte("\nx"))}}, sent: 1},
		{name: "fails for now", actions: []action.Action{to("c@x")}, sendErr: mailerr.Temp(errors.New("busy"), ""), code: 451},
		{name: "the MTA tries again", actions: []action.Action{to("c@x")}, sent: 1},
		{name: "state down", before: func() { state.err = errors.New("down") }, actions: []action.Action{to("a@x")}, sent: 1, warns: 1},
		{name: "state is back, period over", before: func() { state.err = nil; clock.Move(12 * time.Hour) }, actions: []action.Action{to("a@x")}, sent: 1},
	}
	for _, step := range steps {
		if step.before != nil {
			step.before()
		}
		out, store := &sink{err: step.sendErr}, mem.New()
		x := newExecutor(out)
		x.State, x.RedirectOnce = state, 12*time.Hour
		j := &Job{
			Store: store, User: "u", Original: original, Actions: step.actions,
			Envelope: message.Envelope{From: "s@example.net", To: orElse(step.rcpt, "me@example.org")},
		}
		x.Execute(t.Context(), []*Job{j})
		code := 0
		if j.Outcome.Err != nil {
			code = mailerr.Of(j.Outcome.Err).Code
		}
		if got := boxes(t, store); len(out.sent) != step.sent || got != step.want || code != step.code || len(j.Outcome.Warnings) != step.warns {
			t.Errorf("%s: sent %d, boxes %q, code %d, warnings %v", step.name, len(out.sent), got, code, j.Outcome.Warnings)
		}
	}
}

// A copy of the answer that cannot be stored is no failure of the delivery.
func TestCopyOfAnswer(t *testing.T) {
	respond := &action.Respond{To: "s@example.net", Message: original, Copy: &action.Store{Mailbox: "Sent", Flags: []string{`\Seen`}, Copy: true}}
	for _, tt := range []struct {
		name, want string
		fail       func(mailstore.Delivery) error
		sendErr    error
		warnings   int
	}{
		{name: "stored", want: `Sent \Seen`},
		{name: "no mailbox", want: "INBOX", fail: func(d mailstore.Delivery) error {
			if d.Mailbox == "Sent" {
				return mailstore.ErrNoMailbox
			}
			return nil
		}, warnings: 1},
		{name: "full disk", fail: func(mailstore.Delivery) error { return errors.New("full") }, warnings: 1},
		{name: "not sent", sendErr: errors.New("busy"), warnings: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := mem.New("Sent")
			store.FailPrepare = tt.fail
			j := &Job{
				Store: store, Original: original, Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"},
				Actions: []action.Action{&action.Discard{}, respond},
			}
			newExecutor(&sink{err: tt.sendErr}).Execute(t.Context(), []*Job{j})
			if got := boxes(t, store); got != tt.want || j.Outcome.Err != nil || len(j.Outcome.Warnings) != tt.warnings {
				t.Errorf("boxes %q, outcome %+v", got, j.Outcome)
			}
		})
	}
}

// counter is a Sender for several goroutines.
type counter struct{ sent atomic.Int32 }

func (c *counter) Send(context.Context, string, []string, *message.Message) error {
	c.sent.Add(1)
	return nil
}

// Two servers with one database answer a sender once, however many messages come
// to both at the same time. With the database gone all mail is delivered.
func TestTwoServers(t *testing.T) {
	server := peer.StartPostgres(t)
	file := filepath.Join(t.TempDir(), "state.db")
	for _, kind := range []struct {
		name string
		open func() (State, io.Closer)
	}{
		{"postgres", func() (State, io.Closer) {
			s, err := postgres.Open(server.URL, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			return s, s
		}},
		{"sqlite", func() (State, io.Closer) {
			s, err := sqlite.Open(file, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			return s, s
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			out, servers := &counter{}, []*site{}
			for range 2 {
				s, _, _ := remembering(t, vacationScript)
				state, closer := kind.open()
				defer closer.Close()
				s.Executor.State, s.Executor.Sender = state, out
				s.Log = slog.New(slog.DiscardHandler)
				servers = append(servers, s)
			}
			var wg sync.WaitGroup
			for _, s := range servers {
				store := mem.New()
				s.Stores = func(*Recipient) (mailstore.Store, error) { return store, nil }
				for i := range 5 {
					wg.Go(func() {
						if err := s.deliverOne(t, "a@example.net", fmt.Sprint(i)); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			if n := out.sent.Load(); n != 1 {
				t.Errorf("%d answers", n)
			}
			if kind.name != "postgres" {
				return
			}
			server.Kill()
			s := servers[0]
			var log bytes.Buffer
			s.Log = slog.New(slog.NewJSONHandler(&log, nil))
			if err := s.deliverOne(t, "b@example.net", "x"); err != nil || out.sent.Load() != 1 {
				t.Errorf("without a database: %v, %d answers", err, out.sent.Load())
			}
			if !strings.Contains(log.String(), "no response is sent to b@example.net") {
				t.Errorf("the log says nothing of it: %s", log.String())
			}
		})
	}
}

// giveUp is a Sender during whose work the delivery is given up.
type giveUp struct{ cancel func() }

func (g giveUp) Send(ctx context.Context, _ string, _ []string, _ *message.Message) error {
	g.cancel()
	return ctx.Err()
}

// askedState fails, as a database does, for who has given up.
type askedState struct{ State }

func (a askedState) Release(ctx context.Context, key action.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return a.State.Release(ctx, key)
}

// What was claimed for a redirect that was given up is free again.
func TestReleaseAfterGivingUp(t *testing.T) {
	state := askedState{statemem.New(time.Now)}
	redirect := []action.Action{&action.Redirect{Address: "a@x", Message: original}}
	j := &Job{Store: mem.New(), Original: original, Actions: redirect, Envelope: message.Envelope{From: "s@x", To: "me@example.org"}}
	ctx, cancel := context.WithCancel(t.Context())
	x := newExecutor(giveUp{cancel})
	x.State, x.RedirectOnce = state, time.Hour
	if x.Execute(ctx, []*Job{j}); j.Outcome.Err == nil {
		t.Fatal("no error")
	}
	out := &sink{}
	x.Sender, j.Outcome = out, Outcome{}
	if x.Execute(t.Context(), []*Job{j}); j.Outcome.Err != nil || len(out.sent) != 1 {
		t.Errorf("%+v, %d sent", j.Outcome, len(out.sent))
	}
}
