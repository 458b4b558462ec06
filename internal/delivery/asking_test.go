package delivery

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	"dovetail/internal/submission"
	"dovetail/sieve/action"
)

// askingSink is a sink that takes what is asked, and fails where it is to.
type askingSink struct {
	sink
	taken submission.Taken
	fails error
	asked []submission.Request
}

func (s *askingSink) SendAsking(
	ctx context.Context, from string, to []string, m *message.Message, ask submission.Request,
) (submission.Taken, error) {
	s.asked = append(s.asked, ask)
	if s.fails != nil {
		return submission.Taken{}, s.fails
	}
	return s.taken, s.sink.Send(ctx, from, to, m)
}

// RFC 6009 sections 6 and 7: what a redirect asks goes along, with the user as the
// sender; that the MTA cannot be asked is no error, but for what is to be returned.
// RFC 2852 section 4.1.4: the user is told of what was sent on without its time.
func TestRedirectAsks(t *testing.T) {
	by := func(trace bool) *message.DeliverBy {
		return &message.DeliverBy{Time: time.Now().Add(time.Hour), Trace: trace}
	}
	late := &message.DeliverBy{Time: time.Now().Add(-time.Hour)}
	all := submission.Taken{DSN: true, By: true}
	for name, c := range map[string]struct {
		redirect action.Redirect
		taken    submission.Taken
		bounce   bool // the message is from <>
		sent     string
		warnings int
	}{
		"nothing asked":            {sent: "s@example.net>a@example.com"},
		"notifications":            {redirect: action.Redirect{Notify: "NEVER", Ret: "FULL"}, taken: all, sent: "me@example.org>a@example.com"},
		"notifications, bounce":    {redirect: action.Redirect{Ret: "FULL"}, taken: all, bounce: true, sent: ">a@example.com"},
		"no notifications":         {redirect: action.Redirect{Notify: "DELAY"}, sent: "me@example.org>a@example.com", warnings: 1},
		"a time":                   {redirect: action.Redirect{By: by(false)}, taken: all, sent: "me@example.org>a@example.com"},
		"a time, traced":           {redirect: action.Redirect{By: by(true)}, taken: all, sent: "me@example.org>a@example.com >me@example.org"},
		"a time, traced, bounce":   {redirect: action.Redirect{By: by(true)}, bounce: true, sent: ">a@example.com"},
		"no time":                  {redirect: action.Redirect{By: by(false)}, sent: "me@example.org>a@example.com >me@example.org"},
		"no time, never":           {redirect: action.Redirect{By: by(false), Notify: "NEVER"}, taken: submission.Taken{DSN: true}, sent: "me@example.org>a@example.com"},
		"no time, late already":    {redirect: action.Redirect{By: late}, sent: "me@example.org>a@example.com"},
		"no time, no notification": {redirect: action.Redirect{By: by(false), Ret: "HDRS"}, sent: "me@example.org>a@example.com >me@example.org", warnings: 1},
	} {
		a := c.redirect
		a.Address, a.Message = "a@example.com", original
		j := &Job{
			Store: mem.New(), Envelope: message.Envelope{From: "s@example.net", To: "me@example.org", Notify: "SUCCESS", Ret: "HDRS", EnvID: "1"},
			Original: original, Actions: []action.Action{&a},
		}
		if c.bounce {
			j.Envelope.From = ""
		}
		s := &askingSink{taken: c.taken}
		newExecutor(s).Execute(t.Context(), []*Job{j})
		var sent []string
		for _, m := range s.sent {
			sent = append(sent, m.from+">"+strings.Join(m.to, ","))
		}
		if got := strings.Join(sent, " "); j.Outcome.Err != nil || got != c.sent || len(j.Outcome.Warnings) != c.warnings {
			t.Errorf("%s: sent %q, %+v", name, got, j.Outcome)
		}
		want := submission.Request{Notify: a.Notify, Ret: a.Ret, By: a.By}
		if asked := want != (submission.Request{}); asked != (len(s.asked) == 1) || asked && s.asked[0] != want {
			t.Errorf("%s: asked %+v", name, s.asked)
		}
	}
}

// RFC 2852 section 4.1.4.1: what must not be sent on comes back, which here is to
// the user's INBOX.
func TestRedirectReturned(t *testing.T) {
	store := mem.New()
	j := &Job{
		Store: store, Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"}, Original: original,
		Actions: []action.Action{&action.Redirect{Address: "a@example.com", Message: original,
			By: &message.DeliverBy{Time: time.Now().Add(time.Hour), Return: true}}},
	}
	s := &askingSink{fails: mailerr.Perm(context.DeadlineExceeded, "no")}
	newExecutor(s).Execute(t.Context(), []*Job{j})
	if j.Outcome.Err != nil || len(s.sent) != 0 || len(j.Outcome.Stored) != 1 || j.Outcome.Stored[0] != "INBOX" {
		t.Errorf("sent %v, %+v", s.sent, j.Outcome)
	}
}

// RFC 3464, RFC 2852 section 5: what the notification says.
func TestRelayed(t *testing.T) {
	x := newExecutor(nil)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	x.Hostname, x.Now = "mx.example.org", func() time.Time { return at }
	j := &Job{Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"}}
	m := x.relayed(j, &action.Redirect{Address: "a@example.com", Message: original, By: &message.DeliverBy{Time: at.Add(time.Hour)}}, submission.Taken{})
	if to, _ := m.Get("To"); to != "<me@example.org>" {
		t.Errorf("to %s", to)
	}
	var types []string
	for p := range m.Structure().Root.All() {
		types = append(types, p.Media().Type)
	}
	text, err := io.ReadAll(m.Open())
	if want := "Reporting-MTA: dns; mx.example.org\nArrival-Date: Fri, 01 May 2026 12:00:00 +0000\n" +
		"Deliver-by-date: Fri, 01 May 2026 13:00:00 +0000\n\nFinal-Recipient: rfc822; a@example.com\nAction: relayed\nStatus: 2.0.0\n"; err != nil ||
		!strings.Contains(strings.ReplaceAll(string(text), "\r\n", "\n"), want) {
		t.Errorf("%v: %s", err, text)
	}
	if got := strings.Join(types, " "); got != "multipart/report text/plain message/delivery-status text/rfc822-headers" {
		t.Errorf("parts %s", got)
	}
}
