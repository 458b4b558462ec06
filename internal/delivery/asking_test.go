package delivery

import (
	"context"
	"testing"
	"time"

	"dovetail/internal/mailstore/mem"
	"dovetail/internal/message"
	"dovetail/internal/submission"
	"dovetail/sieve/action"
)

// askingSink is a sink that takes what is asked about notifications.
type askingSink struct {
	sink
	asked []submission.Notifications
}

func (s *askingSink) SendAsking(ctx context.Context, from string, to []string, m *message.Message, ask submission.Notifications) error {
	s.asked = append(s.asked, ask)
	return s.sink.Send(ctx, from, to, m)
}

// RFC 6009: what a redirect asks of the MTA goes along where it can; where it
// cannot, the message is sent nevertheless and the log tells.
func TestRedirectAsks(t *testing.T) {
	plain := &action.Redirect{Address: "a@example.com", Message: original}
	dsn := &action.Redirect{Address: "b@example.com", Message: original, Notify: "NEVER", Ret: "FULL"}
	by := &action.Redirect{Address: "c@example.com", Message: original, By: &action.DeliverBy{Time: time.Now()}}
	run := func(s Sender) *Job {
		j := &Job{
			Store: mem.New(), Envelope: message.Envelope{From: "s@example.net", To: "me@example.org"},
			Original: original, Actions: []action.Action{plain, dsn, by},
		}
		newExecutor(s).Execute(t.Context(), []*Job{j})
		return j
	}
	able := &askingSink{}
	if j := run(able); j.Outcome.Err != nil || len(j.Outcome.Warnings) != 1 || len(able.sent) != 3 ||
		len(able.asked) != 1 || able.asked[0] != (submission.Notifications{Notify: "NEVER", Ret: "FULL"}) {
		t.Errorf("%+v, asked %v", j.Outcome, able.asked)
	}
	unable := &sink{}
	if j := run(unable); j.Outcome.Err != nil || len(j.Outcome.Warnings) != 2 || len(unable.sent) != 3 {
		t.Errorf("%+v", j.Outcome)
	}
}
