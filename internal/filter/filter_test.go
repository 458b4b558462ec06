package filter_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/delivery"
	"dovetail/internal/filter"
	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/internal/userdb"
	"dovetail/sieve"
)

// one is a userdb of one user.
type one struct{ user *userdb.User }

func (o one) Resolve(context.Context, string) (*userdb.Recipient, error) {
	return &userdb.Recipient{User: o.user}, nil
}

// sent is a Sender that counts, or fails.
type sent struct {
	n   int
	err error
}

func (s *sent) Send(context.Context, string, []string, *message.Message) error {
	if s.err == nil {
		s.n++
	}
	return s.err
}

// uid is one that mail can belong to and this process may act for.
func uid() uint32 {
	if n := os.Geteuid(); n != 0 {
		return uint32(n)
	}
	return 12345
}

func resident(t *testing.T, store mailstore.Store, sender delivery.Sender) *delivery.Resident {
	t.Helper()
	return residentOf(t, store, sender, &userdb.User{Name: "anna", UID: uid(), GID: uid(), Home: t.TempDir()})
}

func residentOf(t *testing.T, store mailstore.Store, sender delivery.Sender, user *userdb.User) *delivery.Resident {
	t.Helper()
	d := &delivery.Deliverer{
		Users:  one{user},
		Stores: func(*delivery.Recipient) (mailstore.Store, error) { return store, nil },
		Executor: &delivery.Executor{
			Flush: fsx.NewFlusher(0).Flush, Sender: sender, Hostname: "mx", Now: time.Now,
		},
	}
	r, err := d.Resident(t.Context(), user.Name+"@example.org")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func compile(t *testing.T, script string) *sieve.Program {
	t.Helper()
	engine, err := sieve.New(sieve.Options{Extensions: "+editheader +vnd.dovecot.pipe"})
	if err != nil {
		t.Fatal(err)
	}
	p, findings := engine.Compile("test", []byte(script), true)
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	return p
}

var received = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)

// filled makes a store whose INBOX has messages with the subjects 0 to n-1, the
// odd ones read.
func filled(t *testing.T, n int) *mem.Store {
	t.Helper()
	s := mem.New("Old", "Trash")
	for i := range n {
		var flags []string
		if i%2 == 1 {
			flags = []string{`\Seen`}
		}
		m := message.Parse(fmt.Appendf(nil, "From: s%d@example.net\nSubject: %d\n\nbody %d\n", i, i, i))
		storetest.Deliver(t, s, m, mailstore.Delivery{Mailbox: "INBOX", Received: received, Flags: flags})
	}
	return s
}

// holds says what a store holds: "INBOX 0,1\Seen; Old 2".
func holds(t *testing.T, s *mem.Store) string {
	t.Helper()
	names, err := s.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		var list []string
		for _, m := range s.Messages(name) {
			subject, _ := m.Get("Subject")
			if _, marked := m.Get("X-Mark"); marked {
				subject += "+"
			}
			if !m.Received.Equal(received) {
				t.Errorf("%s %s: received %v", name, subject, m.Received)
			}
			list = append(list, subject+strings.Join(m.Flags, ""))
		}
		if list != nil {
			out = append(out, name+" "+strings.Join(list, ","))
		}
	}
	return strings.Join(out, "; ")
}

func TestRun(t *testing.T) {
	const (
		untouched = `INBOX 0,1\Seen,2`
		file      = `require "fileinto"; if header "subject" ["1", "2"] { fileinto "Old"; }`
		drop      = `if header "subject" "1" { discard; }`
		mark      = `require "editheader"; if header "subject" "1" { addheader "X-Mark" "x"; }`
		redirect  = `if header "subject" "1" { redirect "you@example.com"; }`
	)
	execute, write := filter.Options{Execute: true}, filter.Options{Execute: true, Write: true}
	with := func(o filter.Options, change func(*filter.Options)) filter.Options { change(&o); return o }
	for _, c := range []struct {
		name, script string
		options      filter.Options
		sendErr      error
		store        func(*mem.Store)
		plan         string // of message 1
		want         string
		sent, failed int
	}{
		{name: "nothing", script: "keep;", options: write, plan: "leave", want: untouched},
		{name: "only told", script: file, options: filter.Options{Write: true}, plan: `move to "Old" with flags \Seen`, want: untouched},
		{name: "copied", script: file, options: execute, plan: `copy to "Old" with flags \Seen`, want: untouched + `; Old 1\Seen,2`},
		{name: "moved", script: file, options: write, plan: `move to "Old" with flags \Seen`, want: `INBOX 0; Old 1\Seen,2`},
		{name: "filed and kept", script: `require ["fileinto", "copy"]; fileinto :copy "Old";`, options: write, plan: `copy to "Old" with flags \Seen`, want: untouched + `; Old 0,1\Seen,2`},
		{name: "filed where it is", script: `require "fileinto"; fileinto "inbox";`, options: write, plan: "leave", want: untouched},
		{name: "moved with other flags", script: `require ["fileinto", "imap4flags"]; if header "subject" "1" { fileinto :flags "Junk" "Old"; }`, options: write,
			plan: `move to "Old" with flags Junk`, want: `INBOX 0,2; Old 1Junk`},
		{name: "flags", script: `require "imap4flags"; if header "subject" "1" { addflag "Junk"; }`, options: write, plan: `set flags \Seen Junk`, want: `INBOX 0,1\SeenJunk,2`},
		{name: "no flags", script: `require "imap4flags"; setflag "";`, options: write, plan: "remove all flags", want: "INBOX 0,1,2"},
		{name: "the same flags", script: `require "imap4flags"; addflag "\\seen";`, options: write, plan: "leave", want: `INBOX 0\Seen,1\Seen,2\Seen`},
		{name: "flags without -W", script: `require "imap4flags"; addflag "Junk";`, options: execute, plan: "leave", want: untouched},
		{name: "another default", script: file, options: with(write, func(o *filter.Options) { o.Default = "Trash" }), plan: `move to "Old" with flags \Seen`, want: `Old 1\Seen,2; Trash 0`},
		{name: "header", script: mark, options: write, plan: `change the header with flags \Seen`, want: `INBOX 0,2,1+\Seen`},
		{name: "header without -W", script: mark, options: execute, plan: "leave", want: untouched},
		{name: "header and moved", script: `require ["editheader", "fileinto"]; addheader "X-Mark" "x"; fileinto "Old";`, options: write,
			plan: `move to "Old" with flags \Seen`, want: `Old 0+,1+\Seen,2+`},
		{name: "dropped and kept", script: drop, options: write, plan: "discard: keep", want: untouched},
		{name: "dropped and flagged", script: drop, options: with(write, func(o *filter.Options) { o.Discard = filter.DiscardDelete }),
			plan: `discard: flag \Deleted`, want: `INBOX 0,1\Seen\Deleted,2`},
		{name: "dropped and moved", script: drop, options: with(write, func(o *filter.Options) { o.Discard, o.Trash = filter.DiscardMove, "Trash" }),
			plan: `discard: move to "Trash"`, want: `INBOX 0,2; Trash 1\Seen`},
		{name: "dropped for good", script: drop, options: with(write, func(o *filter.Options) { o.Discard = filter.DiscardExpunge }), plan: "discard: expunge", want: "INBOX 0,2"},
		{name: "dropped without -W", script: drop, options: with(execute, func(o *filter.Options) { o.Discard = filter.DiscardExpunge }), plan: "discard: keep", want: untouched},
		{name: "redirect is not sent", script: redirect, options: with(write, func(o *filter.Options) { o.Discard = filter.DiscardExpunge }),
			plan: "redirect to you@example.com (not sent)", want: untouched},
		{name: "redirect is sent", script: redirect, options: with(write, func(o *filter.Options) { o.Send, o.Discard = true, filter.DiscardExpunge }),
			plan: "redirect to you@example.com, discard: expunge", want: "INBOX 0,2", sent: 1},
		{name: "redirect fails", script: redirect, options: with(write, func(o *filter.Options) { o.Send, o.Discard = true, filter.DiscardExpunge }),
			sendErr: errors.New("refused"), plan: "redirect to you@example.com, discard: expunge", want: untouched, failed: 1},
		{name: "reject tells nobody", script: `require "reject"; if header "subject" "1" { reject "no"; }`,
			options: with(write, func(o *filter.Options) { o.Send, o.Discard = true, filter.DiscardExpunge }), plan: "reject (not sent)", want: untouched},
		{name: "missing mailbox", script: `require "fileinto"; if header "subject" "1" { fileinto "Nope"; }`, options: write,
			plan: `move to "Nope" with flags \Seen`, want: untouched, failed: 1},
		{name: "full disk", script: file, options: write, store: func(s *mem.Store) {
			s.FailPrepare = func(mailstore.Delivery) error { return errors.New("no space") }
		}, plan: `move to "Old" with flags \Seen`, want: untouched, failed: 2},
		{name: "published badly", script: file, options: write, store: func(s *mem.Store) {
			s.FailPublish = func(mailstore.Delivery) error { return errors.New("no space") }
		}, plan: `move to "Old" with flags \Seen`, want: untouched, failed: 2},
		{name: "pipe that fails", script: `require ["vnd.dovecot.pipe"]; if header "subject" "1" { pipe "x"; }`,
			options: with(write, func(o *filter.Options) { o.Discard = filter.DiscardExpunge }), plan: `pipe to "x", discard: expunge`, want: untouched, failed: 1},
		{name: "pipe :try that fails", script: `require ["vnd.dovecot.pipe"]; if header "subject" "1" { pipe :try "x"; }`,
			options: with(write, func(o *filter.Options) { o.Discard = filter.DiscardExpunge }), plan: `pipe to "x", discard: expunge`, want: untouched},
		{name: "error of the script", script: `require ["fileinto", "variables"]; set "f" "a.b"; if header "subject" "1" { redirect "${f}"; } fileinto "Old";`, options: write,
			plan: "leave", want: `INBOX 1\Seen; Old 0,2`, failed: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, sender := filled(t, 3), &sent{err: c.sendErr}
			if c.store != nil {
				c.store(s)
			}
			c.options.Mailbox = "INBOX"
			var plans []string
			failed := 0
			err := filter.Run(t.Context(), compile(t, c.script), resident(t, s, sender), c.options, func(m *filter.Message) error {
				plans = append(plans, m.Plan.Text())
				if m.Err != nil {
					failed++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(plans) != 3 || plans[1] != c.plan {
				t.Errorf("plans %q, want the second to be %q", plans, c.plan)
			}
			if got := holds(t, s); got != c.want {
				t.Errorf("the store holds %q, want %q", got, c.want)
			}
			if sender.n != c.sent || failed != c.failed {
				t.Errorf("%d sent, %d failed; want %d, %d", sender.n, failed, c.sent, c.failed)
			}
			if n := s.PendingCount(); n != 0 {
				t.Errorf("%d deliveries without an end", n)
			}
		})
	}
}

// Many messages are reported in the order of the store, each once.
func TestRunOrder(t *testing.T) {
	const n = 1000
	s := filled(t, n)
	next := 0
	o := filter.Options{Mailbox: "INBOX", Execute: true, Write: true, Workers: 4}
	err := filter.Run(t.Context(), compile(t, `require "fileinto"; if header :matches "subject" "*7" { fileinto "Old"; }`), resident(t, s, nil), o, func(m *filter.Message) error {
		if subject, _ := m.Header.Get("Subject"); subject != fmt.Sprint(next) {
			t.Errorf("message %s, want %d", subject, next)
		}
		next++
		return m.Err
	})
	if err != nil || next != n || len(s.Messages("INBOX")) != n*9/10 || len(s.Messages("Old")) != n/10 {
		t.Errorf("%d messages; %d and %d are left; %v", next, len(s.Messages("INBOX")), len(s.Messages("Old")), err)
	}
}

// A run ends early, and cleanly, with an error of its listener, of its context, and
// of the store.
func TestRunEnds(t *testing.T) {
	boom := errors.New("boom")
	p := compile(t, `require "fileinto"; fileinto "Old";`)
	o := filter.Options{Mailbox: "INBOX", Execute: true, Write: true, Workers: 2}
	s := filled(t, 2000)
	n := 0
	err := filter.Run(t.Context(), p, resident(t, s, nil), o, func(*filter.Message) error {
		if n++; n == 10 {
			return boom
		}
		return nil
	})
	if !errors.Is(err, boom) || n != 10 || len(s.Messages("INBOX"))+len(s.Messages("Old")) != 2000 {
		t.Errorf("%d messages: %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = filter.Run(ctx, p, resident(t, s, nil), o, func(*filter.Message) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || len(s.Messages("INBOX"))+len(s.Messages("Old")) != 2000 {
		t.Errorf("canceled: %v", err)
	}
	o.Mailbox = "Nope"
	if err := filter.Run(t.Context(), p, resident(t, s, nil), o, func(*filter.Message) error { return nil }); !errors.Is(err, mailstore.ErrNoMailbox) {
		t.Errorf("a missing mailbox: %v", err)
	}
}

// giveTo gives a folder to a user whom this process acts for, where it may.
func giveTo(t *testing.T, dir string, user *userdb.User) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(user.UID), int(user.GID))
	})
	if err != nil {
		t.Fatal(err)
	}
}
