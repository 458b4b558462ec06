package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	statemem "dovetail/internal/state/mem"
	"dovetail/sieve/action"
)

// sink is a Sender that remembers, or fails.
type sink struct {
	sent []sentMail
	err  error
}

type sentMail struct {
	from string
	to   []string
	text string
}

func (s *sink) Send(_ context.Context, from string, to []string, m *message.Message) error {
	if s.err != nil {
		return s.err
	}
	b, err := io.ReadAll(m.Open())
	s.sent = append(s.sent, sentMail{from, to, string(b)})
	return err
}

func newExecutor(s Sender) *Executor {
	return &Executor{
		Flush:  func(context.Context, []fsx.File) error { return nil },
		Sender: s, Hostname: "mx.example.org", Postmaster: "postmaster@example.org", Now: time.Now,
	}
}

var original = message.Parse([]byte("Return-Path: <s@example.net>\nSubject: hi\nMessage-ID: <1@example.net>\n\nbody\n"))

// boxes tells what a store holds: "INBOX:1[flags] Spam:1".
func boxes(t *testing.T, s *mem.Store) string {
	t.Helper()
	names, err := s.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range names {
		for _, m := range s.Messages(n) {
			out = append(out, strings.TrimSpace(n+" "+strings.Join(m.Flags, ",")))
		}
	}
	return strings.Join(out, "; ")
}

func TestExecutor(t *testing.T) {
	temp := mailerr.Temp(errors.New("refused"), "later")
	perm := mailerr.Perm(errors.New("no"), "no")
	full := func(d mailstore.Delivery) error { return mailerr.FromErrno(syscall.ENOSPC) }
	spamOnly := func(err error) func(mailstore.Delivery) error {
		return func(d mailstore.Delivery) error {
			if d.Mailbox == "Spam" {
				return err
			}
			return nil
		}
	}
	keep := &action.Store{Message: original}
	edited := original.Prepend(message.RawField("X-Mark", "Spam"))
	spam := &action.Store{Mailbox: "Spam", Flags: []string{"Junk"}, Message: edited}
	redirect := &action.Redirect{Address: "you@example.com", Message: original}
	pipe := &action.Pipe{Program: "learn", Message: original}

	tests := []struct {
		name     string
		actions  []action.Action
		keep     *action.Store
		store    func(*mem.Store)
		sendErr  error
		pipeErr  error
		want     string // mailboxes
		sent     int
		code     int // reply of the error, 0: none
		failures int
		warnings int
	}{
		{name: "implicit keep", keep: keep, want: "INBOX"},
		{name: "fileinto", actions: []action.Action{spam}, want: "Spam Junk"},
		{name: "fileinto and keep", actions: []action.Action{spam}, keep: keep, want: "INBOX; Spam Junk"},
		{name: "fileinto into inbox is keep", actions: []action.Action{&action.Store{Mailbox: "inbox", Flags: []string{`\Seen`}, Message: original}},
			keep: &action.Store{Flags: []string{`\seen`, "x"}, Message: original}, want: `INBOX \Seen,x`},
		{name: "missing mailbox goes to INBOX unchanged", actions: []action.Action{&action.Store{Mailbox: "Nope", Flags: []string{"x"}, Message: edited}}, want: "INBOX", failures: 1},
		{name: "missing mailbox with :create", actions: []action.Action{&action.Store{Mailbox: "New", Create: true, Message: original}}, want: "New"},
		{name: "bad name goes to INBOX", actions: []action.Action{&action.Store{Mailbox: "../x", Create: true, Message: original}}, want: "INBOX", failures: 1},
		{name: "one bad store undoes the good one", actions: []action.Action{spam, &action.Store{Mailbox: "Nope", Message: original}}, want: "INBOX", failures: 1},
		{name: "full disk is 452", actions: []action.Action{spam}, keep: keep, store: func(s *mem.Store) { s.FailPrepare = full }, code: 452},
		{name: "no rights goes to INBOX", actions: []action.Action{spam}, store: func(s *mem.Store) { s.FailPrepare = spamOnly(mailerr.FromErrno(syscall.EACCES)) }, want: "INBOX", failures: 1},
		{name: "publish fails: nothing stays", actions: []action.Action{&action.Store{Message: original}, spam},
			store: func(s *mem.Store) { s.FailPublish = spamOnly(mailerr.FromErrno(syscall.EIO)) }, code: 451},
		{name: "over quota is 552", keep: keep, store: func(s *mem.Store) {
			s.Quota = func(string, int64) error { return mailerr.QuotaFull("u@example.org", false) }
		}, code: 552, failures: 1},
		{name: "discard", actions: []action.Action{&action.Discard{}}},
		{name: "redirect", actions: []action.Action{redirect}, sent: 1},
		{name: "redirect :copy", actions: []action.Action{redirect}, keep: keep, sent: 1, want: "INBOX"},
		{name: "redirect alone fails for now: 4xx", actions: []action.Action{redirect}, sendErr: temp, code: 451},
		{name: "redirect alone fails for good: INBOX", actions: []action.Action{redirect}, sendErr: perm, want: "INBOX", failures: 1},
		{name: "redirect fails after a store: copy in INBOX", actions: []action.Action{spam, redirect}, sendErr: temp, want: "INBOX; Spam Junk", failures: 1},
		{name: "redirect fails beside keep: one copy", actions: []action.Action{redirect}, keep: keep, sendErr: temp, want: "INBOX", failures: 1},
		{name: "redirect would loop: kept", actions: []action.Action{&action.Redirect{Address: "you@example.com",
			Message: original.Prepend(message.RawField("X-Sieve-Redirected-From", "me@example.org"))}}, want: "INBOX", warnings: 1},
		{name: "reject tells the sender", actions: []action.Action{&action.Reject{Reason: "go away"}}, sent: 1},
		{name: "reject that cannot be sent for good is kept", actions: []action.Action{&action.Reject{Reason: "go away"}}, sendErr: perm, want: "INBOX", failures: 1},
		{name: "reject that cannot be sent now: 4xx", actions: []action.Action{&action.Reject{Reason: "go away"}}, sendErr: temp, code: 451},
		{name: "ereject is a refusal", actions: []action.Action{&action.Reject{Reason: "go\r\naway", Ereject: true}}, code: 550},
		{name: "pipe", actions: []action.Action{pipe}},
		{name: "pipe fails, stored nowhere: INBOX", actions: []action.Action{pipe}, pipeErr: perm, want: "INBOX", failures: 1},
		{name: "pipe :try fails, stored nowhere: INBOX", actions: []action.Action{&action.Pipe{Program: "x", Try: true, Message: original}}, pipeErr: perm, want: "INBOX", warnings: 1},
		{name: "pipe :copy fails beside fileinto: no second copy", actions: []action.Action{spam, pipe}, pipeErr: perm, want: "Spam Junk", failures: 1},
		{name: "pipe fails and INBOX too: 4xx", actions: []action.Action{pipe}, pipeErr: perm, store: func(s *mem.Store) { s.FailPrepare = full }, code: 452, failures: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := mem.New("Spam")
			if tt.store != nil {
				tt.store(store)
			}
			out := &sink{err: tt.sendErr}
			j := &Job{
				Store: store, Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"},
				Original: original, Actions: tt.actions, Keep: tt.keep,
				Pipe: func(context.Context, *action.Pipe) error { return tt.pipeErr },
			}
			newExecutor(out).Execute(t.Context(), []*Job{j})
			code := 0
			if j.Outcome.Err != nil {
				code = mailerr.Of(j.Outcome.Err).Code
			}
			if got := boxes(t, store); got != tt.want || code != tt.code || len(out.sent) != tt.sent {
				t.Errorf("boxes %q want %q; code %d want %d (%v); sent %d want %d", got, tt.want, code, tt.code, j.Outcome.Err, len(out.sent), tt.sent)
			}
			if len(j.Outcome.Failures) != tt.failures || len(j.Outcome.Warnings) != tt.warnings {
				t.Errorf("failures %v, warnings %v", j.Outcome.Failures, j.Outcome.Warnings)
			}
			if n := store.PendingCount(); n != 0 {
				t.Errorf("%d deliveries were left pending", n)
			}
		})
	}
}

// Every kind of action must leave a trace: one that the executor does not know
// would lose mail silently.
func TestEveryActionIsExecuted(t *testing.T) {
	for _, a := range []action.Action{
		&action.Store{Mailbox: "Spam", Message: original}, &action.Redirect{Address: "a@b", Message: original},
		&action.Reject{Reason: "r"}, &action.Pipe{Program: "p", Message: original}, &action.Remember{Period: time.Hour},
		&action.Respond{To: "a@b", Message: original, Period: time.Hour},
		&action.Notify{To: []action.Recipient{{Address: "a@b"}}, Message: original},
	} {
		j := &Job{
			Store: mem.New("Spam"), Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"},
			Original: original, Actions: []action.Action{a},
			Pipe: func(context.Context, *action.Pipe) error { return nil },
		}
		x, state := newExecutor(&sink{}), statemem.New(time.Now)
		x.State = state
		x.Execute(t.Context(), []*Job{j})
		remembered, err := state.Seen(t.Context(), action.Key{})
		if err != nil {
			t.Fatal(err)
		}
		if o := j.Outcome; o.Err != nil || !o.done() && len(o.Answered)+len(o.Notified) == 0 && !remembered {
			t.Errorf("%s: %+v", a.Name(), j.Outcome)
		}
	}
}

func TestOneRecipientsFaultIsItsOwn(t *testing.T) {
	good, bad := mem.New(), mem.New()
	bad.FailPublish = func(mailstore.Delivery) error { return syscall.EIO }
	jobs := []*Job{}
	for _, s := range []*mem.Store{good, bad, good} {
		jobs = append(jobs, &Job{Store: s, Original: original, Keep: &action.Store{Message: original}})
	}
	newExecutor(nil).Execute(t.Context(), jobs)
	got := fmt.Sprint(jobs[0].Outcome.Err == nil, jobs[1].Outcome.Err == nil, jobs[2].Outcome.Err == nil)
	if got != "true false true" || len(good.Messages("INBOX")) != 2 || len(bad.Messages("INBOX")) != 0 {
		t.Errorf("outcomes %s, %d and %d messages", got, len(good.Messages("INBOX")), len(bad.Messages("INBOX")))
	}
}

func TestRedirectedMessage(t *testing.T) {
	tests := []struct {
		name, setting, from, want string
	}{
		{"default is the sender", "", "s@example.net", "s@example.net"},
		{"recipient", "recipient", "s@example.net", "me@example.org"},
		{"original recipient", "orig_recipient", "s@example.net", "alias@example.org"},
		{"user email", "user_email", "s@example.net", "user@example.org"},
		{"postmaster", "postmaster", "s@example.net", "postmaster@example.org"},
		{"fixed", "<bounces@example.org>", "s@example.net", "bounces@example.org"},
		{"a bounce stays a bounce", "recipient", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := &sink{}
			x := newExecutor(out)
			x.RedirectFrom = tt.setting
			j := &Job{
				Store: mem.New(), Original: original, UserEmail: "user@example.org",
				Envelope: message.Envelope{From: tt.from, To: "me@example.org", OrigTo: "alias@example.org"},
				Actions:  []action.Action{&action.Redirect{Address: "you@example.com", Message: original}},
			}
			x.Execute(t.Context(), []*Job{j})
			if len(out.sent) != 1 || out.sent[0].from != tt.want || !slices.Equal(out.sent[0].to, []string{"you@example.com"}) {
				t.Fatalf("sent %+v", out.sent)
			}
			want := "X-Sieve: dovetail\nX-Sieve-Redirected-From: user@example.org\nSubject: hi\nMessage-ID: <1@example.net>\n\nbody\n"
			if out.sent[0].text != want {
				t.Errorf("text %q", out.sent[0].text)
			}
		})
	}
}

func TestRejection(t *testing.T) {
	out := &sink{}
	j := &Job{
		Store: mem.New(), Original: original, Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"},
		Actions: []action.Action{&action.Reject{Reason: "Grüße"}},
	}
	newExecutor(out).Execute(t.Context(), []*Job{j})
	if len(out.sent) != 1 || out.sent[0].from != "" || out.sent[0].to[0] != "s@example.net" {
		t.Fatalf("sent %+v", out.sent)
	}
	for _, want := range []string{
		"Grüße", "report-type=disposition-notification", "Final-Recipient: rfc822; me@example.org",
		"Disposition: automatic-action/MDN-sent-automatically; deleted", "Original-Message-ID: <1@example.net>", "Subject: hi",
	} {
		if !strings.Contains(out.sent[0].text, want) {
			t.Errorf("no %q in\n%s", want, out.sent[0].text)
		}
	}
	j.Outcome, j.Envelope.From = Outcome{}, ""
	newExecutor(out).Execute(t.Context(), []*Job{j})
	if len(out.sent) != 1 || j.Outcome.Err != nil || len(j.Outcome.Warnings) != 1 {
		t.Errorf("the null sender got mail: %+v, %+v", out.sent, j.Outcome)
	}
}

// dirty is a store whose deliveries have a file to be flushed.
type dirty struct {
	*mem.Store
	file fsx.File
}

type dirtyPending struct {
	mailstore.Pending
	file fsx.File
}

func (s dirty) Prepare(ctx context.Context, m *message.Message, d mailstore.Delivery) (mailstore.Pending, error) {
	p, err := s.Store.Prepare(ctx, m, d)
	return dirtyPending{p, s.file}, err
}

func (p dirtyPending) Unsynced() []fsx.File { return []fsx.File{p.file} }

// The kernel reports a write error once: a flush that failed must not be asked again.
func TestFailedFlushIsFinal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for failing := 1; failing <= 2; failing++ { // the data, the names
		calls := 0
		x := newExecutor(nil)
		x.Flush = func(context.Context, []fsx.File) error {
			if calls++; calls == failing {
				return syscall.EIO
			}
			return nil
		}
		var jobs []*Job
		for range 3 {
			jobs = append(jobs, &Job{Store: dirty{mem.New(), file}, Original: original, Keep: &action.Store{Message: original}})
		}
		jobs = append(jobs, &Job{Store: mem.New(), Original: original, Actions: []action.Action{&action.Discard{}}})
		x.Execute(t.Context(), jobs)
		for i, j := range jobs[:3] {
			if n := len(j.Store.(dirty).Messages("INBOX")); j.Outcome.Err == nil || n != 0 {
				t.Errorf("flush %d failed: job %d has the answer %v and %d messages", failing, i, j.Outcome.Err, n)
			}
		}
		if jobs[3].Outcome.Err != nil {
			t.Errorf("a job without files failed: %v", jobs[3].Outcome.Err)
		}
	}
}
