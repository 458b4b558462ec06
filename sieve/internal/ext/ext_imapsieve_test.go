package ext

import (
	"errors"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// Within IMAP the items of the event are there, and no envelope is.
func TestImapsieveInIMAP(t *testing.T) {
	p := compileForTest(t, `
		require ["vnd.dovecot.imapsieve", "environment", "variables", "vnd.dovecot.pipe", "copy"];
		if anyof (not environment "imap.cause" "COPY", not environment "vnd.dovecot.mailbox-from" "Junk") { stop; }
		if environment :matches "imap.user" "*" { set "user" "${1}"; }
		pipe :copy "learn" "${user}";`, nil)
	items := map[string]string{"imap.cause": "COPY", "imap.user": "anna", "vnd.dovecot.mailbox-from": "Junk"}
	res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{Items: items})
	if res.Err != nil || len(res.Actions) != 1 || res.Keep == nil {
		t.Fatalf("%+v", res)
	}
	if pipe := res.Actions[0].(*action.Pipe); pipe.Program != "learn" || len(pipe.Args) != 1 || pipe.Args[0] != "anna" {
		t.Errorf("%+v", pipe)
	}
}

// What needs an envelope refuses to run without one (imapsieve).
func TestRejectNeedsEnvelope(t *testing.T) {
	for _, capability := range []string{"reject", "ereject"} {
		p := compileForTest(t, `require "`+capability+`"; if false { `+capability+` "no"; } discard;`, nil)
		res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{})
		var re *engine.RunError
		if !errors.As(res.Err, &re) || re.Script != "test" || len(res.Actions) != 0 || res.Keep == nil {
			t.Errorf("%s: %+v", capability, res)
		}
		if res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{Envelope: &message.Envelope{}}); res.Err != nil {
			t.Errorf("%s: %v", capability, res.Err)
		}
	}
}
