package delivery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// pickySink refuses some recipients.
type pickySink struct {
	sink
	refuse string
}

func (s *pickySink) Send(ctx context.Context, from string, to []string, m *message.Message) error {
	if slices.Contains(to, s.refuse) {
		return mailerr.Temp(errors.New("refused"), "later")
	}
	return s.sink.Send(ctx, from, to, m)
}

// silentSink is an MTA that does not answer in the time that is left.
type silentSink struct {
	mu        sync.Mutex
	deadlines map[string]bool
}

func (s *silentSink) Send(ctx context.Context, _ string, _ []string, _ *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, _ := ctx.Deadline()
	s.deadlines[end.String()] = true
	return context.DeadlineExceeded
}

// All that is sent beside a message has one time together, for all recipients.
func TestTimeOfAnswers(t *testing.T) {
	m := message.Parse([]byte("Subject: news\n\nbody\n"))
	to := []action.Recipient{{Address: "a@example.com"}, {Address: "b@example.com"}}
	out := &silentSink{deadlines: map[string]bool{}}
	var jobs []*Job
	for range 2 {
		jobs = append(jobs, &Job{
			Store: mem.New(), Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"}, Original: original,
			Keep: &action.Store{Message: original},
			Actions: []action.Action{
				&action.Respond{To: "s@example.net", Message: m},
				&action.Notify{To: to, Message: m}, &action.Notify{To: to, Message: m},
			},
		})
	}
	newExecutor(out).Execute(t.Context(), jobs)
	if len(out.deadlines) != 1 || out.deadlines[time.Time{}.String()] {
		t.Errorf("the times are up at %v", out.deadlines)
	}
	for _, j := range jobs {
		if len(j.Outcome.Warnings) != 5 || j.Outcome.Err != nil {
			t.Errorf("%+v", j.Outcome)
		}
	}
}

// A notification that fails changes nothing but the log; none is sent when the
// MTA is going to try the message again.
func TestNotify(t *testing.T) {
	notice := &action.Notify{
		Method: "mailto", From: "postmaster@example.org",
		To: []action.Recipient{
			{Name: "Günther M. Karotte", Address: "a@example.com"}, {Address: "b@example.com"}, {Address: "c@example.com", Cc: true},
		},
		Message: message.Parse([]byte("Subject: news\n\nbody\n")),
	}
	keep := &action.Store{Message: original}
	redirect := &action.Redirect{Address: "you@example.com", Message: original}
	for _, tt := range []struct {
		name     string
		actions  []action.Action
		keep     *action.Store
		refuse   string
		want     string // mailboxes
		sent     string // recipients, in order
		notified int
		code     int
		warnings int
	}{
		{name: "beside keep", actions: []action.Action{notice}, keep: keep, want: "INBOX",
			sent: "a@example.com b@example.com c@example.com", notified: 3},
		{name: "one of them fails", actions: []action.Action{notice}, keep: keep, refuse: "b@example.com", want: "INBOX",
			sent: "a@example.com c@example.com", notified: 2, warnings: 1},
		{name: "after the redirect", actions: []action.Action{notice, redirect},
			sent: "you@example.com a@example.com b@example.com c@example.com", notified: 3},
		{name: "not when the redirect will be tried again", actions: []action.Action{notice, redirect}, refuse: "you@example.com", code: 451},
		{name: "beside discard", actions: []action.Action{notice, &action.Discard{}},
			sent: "a@example.com b@example.com c@example.com", notified: 3},
		{name: "beside a refusal", actions: []action.Action{notice, &action.Reject{Ereject: true, Reason: "no"}},
			sent: "a@example.com b@example.com c@example.com", notified: 3, code: 550},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, out := mem.New(), &pickySink{refuse: tt.refuse}
			j := &Job{
				Store: store, Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"},
				Original: original, Actions: tt.actions, Keep: tt.keep,
			}
			newExecutor(out).Execute(t.Context(), []*Job{j})
			var sent []string
			for _, m := range out.sent {
				sent = append(sent, m.to...)
			}
			code := 0
			if j.Outcome.Err != nil {
				code = mailerr.Of(j.Outcome.Err).Code
			}
			if got := boxes(t, store); got != tt.want || strings.Join(sent, " ") != tt.sent || code != tt.code {
				t.Errorf("boxes %q, sent %q, code %d", got, sent, code)
			}
			if len(j.Outcome.Notified) != tt.notified || len(j.Outcome.Warnings) != tt.warnings {
				t.Errorf("notified %q, warnings %v", j.Outcome.Notified, j.Outcome.Warnings)
			}
		})
	}
}

func TestNotificationFields(t *testing.T) {
	out := &sink{}
	notice := &action.Notify{
		To:      []action.Recipient{{Name: "Günther", Address: "a@example.com"}, {Name: `A "b"`, Address: "b@example.com"}},
		Message: message.Parse([]byte("Subject: news\n\nbody\n")),
	}
	j := &Job{Store: mem.New(), Original: original, Actions: []action.Action{notice}, Keep: &action.Store{Message: original}}
	newExecutor(out).Execute(t.Context(), []*Job{j})
	if len(out.sent) != 2 || out.sent[0].from != "" {
		t.Fatalf("%+v", out.sent)
	}
	for _, want := range []string{
		"X-Sieve: ", "Message-ID: <", "Date: ", "Subject: news\n",
		"To: =?utf-8?q?G=C3=BCnther?= <a@example.com>, \"A \\\"b\\\"\" <b@example.com>\n",
	} {
		if !strings.Contains(out.sent[0].text, want) {
			t.Errorf("no %q in\n%s", want, out.sent[0].text)
		}
	}
}

// Without a way to send mail the message is delivered, and the log tells why
// nobody heard of it.
func TestNotifyWithoutSender(t *testing.T) {
	store := mem.New()
	notice := &action.Notify{To: []action.Recipient{{Address: "a@example.com"}}, Message: original}
	j := &Job{Store: store, Original: original, Actions: []action.Action{notice}, Keep: &action.Store{Message: original}}
	x := newExecutor(nil)
	x.Sender = nil
	x.Execute(t.Context(), []*Job{j})
	if j.Outcome.Err != nil || len(store.Messages("INBOX")) != 1 || len(j.Outcome.Warnings) != 1 {
		t.Errorf("%+v", j.Outcome)
	}
}
