package delivery

import (
	"context"
	"errors"
	"testing"
	"time"

	"dovetail/internal/mailstore/mem"
	"dovetail/sieve/action"
)

// A message that is stored already stays where it is when something fails:
// nothing of it turns up in INBOX.
func TestStays(t *testing.T) {
	received := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	failing := func(context.Context, *action.Pipe) error { return errors.New("exit status 1") }
	for name, c := range map[string]struct {
		actions []action.Action
		want    string
		failed  bool
	}{
		"stored":          {[]action.Action{&action.Store{Mailbox: "Spam", Message: original}}, "Spam", false},
		"missing mailbox": {[]action.Action{&action.Store{Mailbox: "Nope", Message: original}}, "", true},
		"failing pipe":    {[]action.Action{&action.Pipe{Program: "x", Message: original}}, "", true},
		"failing send":    {[]action.Action{&action.Redirect{Address: "you@example.com", Message: original}}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := mem.New("Spam")
			j := &Job{Store: s, Original: original, Actions: c.actions, Pipe: failing, Received: received, Stays: true}
			newExecutor(nil).Execute(t.Context(), []*Job{j})
			if got := boxes(t, s); got != c.want {
				t.Errorf("stored %q, want %q", got, c.want)
			}
			if failed := j.Outcome.Err != nil || len(j.Outcome.Failures) > 0; failed != c.failed {
				t.Errorf("outcome %+v", j.Outcome)
			}
			for e, err := range s.Entries(t.Context(), "Spam") {
				if err != nil || !e.Received.Equal(received) {
					t.Errorf("received %v, %v", e.Received, err)
				}
			}
		})
	}
}
