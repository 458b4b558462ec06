package ext

import (
	"context"
	"errors"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

type faultyMailboxes struct{}

func (faultyMailboxes) Exists(context.Context, string) (bool, error) {
	return true, errors.New("disk is broken")
}

// A mailbox that cannot be looked at does not exist: filing into it would fail
// too. Where nothing is known of mailboxes all exist, as in Pigeonhole.
func TestMailboxExistsFaults(t *testing.T) {
	p := compileForTest(t, `require "mailbox"; if mailboxexists "x" { discard; }`, nil)
	msg := message.Parse([]byte("\n"))
	if res := p.Run(t.Context(), msg, &engine.Env{Mailboxes: faultyMailboxes{}}); len(res.Actions) != 0 || res.Err != nil || len(res.Log) != 1 {
		t.Errorf("faulty: %+v", res)
	}
	if res := p.Run(t.Context(), msg, &engine.Env{}); len(res.Actions) != 1 {
		t.Errorf("unknown: %+v", res)
	}
}
