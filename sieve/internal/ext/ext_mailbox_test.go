package ext

import (
	"context"
	"errors"
	"strings"
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

// asked is a world that knows all mailboxes and annotations, and counts the
// questions. With the first one the run is to end.
type asked struct {
	count int
	end   context.CancelFunc
}

func (a *asked) ask() {
	a.count++
	a.end()
}

func (a *asked) Exists(context.Context, string) (bool, error) {
	a.ask()
	return true, nil
}

func (a *asked) MailboxByID(context.Context, string) (string, error) {
	a.ask()
	return "x", nil
}

func (a *asked) Annotation(context.Context, string, string) (string, bool, error) {
	a.ask()
	return "x", true, nil
}

// A list of questions to the world is no way around the limits of a run.
func TestQuestionsEnd(t *testing.T) {
	list := "[" + strings.Repeat(`"\\x", `, 1000) + `"\\x"]`
	annotations := "[" + strings.Repeat(`"/private/x", `, 1000) + `"/private/x"]`
	for _, test := range []string{
		"mailboxexists " + list, "mailboxidexists " + list, "specialuse_exists " + list,
		`metadataexists "x" ` + annotations, "servermetadataexists " + annotations,
	} {
		p := compileForTest(t, `require ["mailbox", "mailboxid", "special-use", "mboxmetadata", "servermetadata"]; if `+test+` { discard; }`, nil)
		ctx, cancel := context.WithCancel(t.Context())
		world := &asked{end: cancel}
		res := p.Run(ctx, message.Parse([]byte("\n")), &engine.Env{
			Mailboxes: world, Metadata: world, SpecialUse: map[string][]string{"x": {`\x`}},
		})
		if res.Err == nil || res.Keep == nil || world.count == 0 || world.count > 100 {
			t.Errorf("%.30s: %d questions, error %v", test, world.count, res.Err)
		}
	}
}
