package svtest

import (
	"fmt"
	"strings"

	"dovetail/internal/delivery"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// canonical gives the name of a mailbox; the default one is INBOX.
func canonical(name string) string {
	if name == "" || strings.EqualFold(name, mailstore.Inbox) {
		return mailstore.Inbox
	}
	return mailbox(name)
}

// testResultAction matches the names of the actions asked for.
func (s *suite) testResultAction(r *engine.Run, c *engine.Call) (bool, error) {
	var names []string
	for _, a := range r.Result().Actions {
		if _, hidden := a.(*action.Remember); !hidden {
			names = append(names, a.Name())
		}
	}
	return matchIndexed(r, c, names)
}

// testResultExecute carries out what was asked for and is not done yet.
func (s *suite) testResultExecute(r *engine.Run, _ *engine.Call) (bool, error) {
	s.errors = nil
	res := r.Result()
	var fresh []action.Action
	for _, a := range res.Actions {
		if !s.executed[a] {
			fresh = append(fresh, a)
			s.executed[a] = true
		}
	}
	keep := res.Keep
	switch {
	case s.kept:
		keep = nil
	case keep != nil && s.keep != nil:
		keep = s.keep // as the script that was run left the message
	}
	s.kept = s.kept || keep != nil
	return s.execute(fresh, keep, r.Original()), nil
}

// execute carries out actions. Failures are logged.
func (s *suite) execute(actions []action.Action, keep *action.Store, original *message.Message) bool {
	job := &delivery.Job{
		Store: s.boxes, Envelope: s.envelope, UserEmail: s.env.UserEmail, Original: original,
		Actions: actions, Keep: keep, Pipe: s.pipe,
	}
	s.executor().Execute(s.ctx, []*delivery.Job{job})
	failures := job.Outcome.Failures
	if job.Outcome.Err != nil && !job.Outcome.Rejected {
		failures = append(failures, job.Outcome.Err)
	}
	for _, err := range failures {
		s.log("%v", err)
	}
	return len(failures) == 0
}

func (s *suite) testResultReset(r *engine.Run, _ *engine.Call) error {
	s.reset(r)
	s.outbox = nil
	r.SetMessage(r.Original()) // edits are forgotten, too
	return nil
}

// reset forgets what was asked for.
func (s *suite) reset(r *engine.Run) {
	r.Restore(nil, true)
	r.SetFlags(s.env.Flags)
	clear(s.executed)
	s.keep, s.kept = nil, false
}

func (s *suite) testResultPrint(r *engine.Run, _ *engine.Call) error {
	res := r.Result()
	for i, a := range res.Actions {
		if _, err := fmt.Fprintf(s.opts.Print, "%2d: %s %+v\n", i+1, a.Name(), a); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s.opts.Print, "implicit keep: %v\n", res.Keep != nil)
	return err
}
