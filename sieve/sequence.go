package sieve

import (
	"context"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// RunSequence runs the scripts of one delivery in order: the site's before the
// user's, the user's, the site's after it (draft-degener-sieve-multiscript
// section 3). nil stands for a script that is not there.
//
// A script runs only when the one before it left a keep in effect, explicit or
// implicit; a keep of any but the last means "go on". A script sees the message
// as those before it edited it, and its stores get the flags that they set with
// imap4flags unless it sets others. An action that an earlier script asked for
// already is not done twice; the limits on actions are those of the sequence.
//
// A runtime error ends the sequence: the actions of the scripts before it stand,
// and the original message is kept.
//
// discard runs where the sequence ended well and nobody gets the message
// (sieve_discard); whatever it does, the message is not kept implicitly.
func RunSequence(ctx context.Context, scripts []*Program, discard *Program, msg *message.Message, env *Env) *Result {
	s := &sequence{ctx: ctx, original: msg, env: *env, res: &Result{Message: msg, Flags: env.Flags}}
	s.res.Keep = &action.Store{Message: msg, Flags: env.Flags}
	for _, p := range scripts {
		if p == nil {
			continue
		}
		if goOn := s.run(p); !goOn {
			break
		}
	}
	if discard != nil && s.res.Err == nil && s.res.Keep == nil && !engine.Delivers(s.res.Actions) {
		s.discard(discard)
	}
	return s.res
}

// sequence is the state between the scripts of a sequence.
type sequence struct {
	ctx      context.Context
	original *message.Message
	env      Env
	res      *Result
	// keepFlags are those of the last explicit keep: a keep that only went on to the
	// next script still has its flags when it comes to nothing else.
	keepFlags []string
}

// run runs the next script; true when the one after it may run.
func (s *sequence) run(p *Program) bool {
	// An explicit keep of the script before is the going on to this one.
	earlier := withoutKeep(s.res.Actions)
	s.env.Flags = s.res.Flags
	res := p.RunAfter(s.ctx, s.res.Message, &s.env, earlier)
	res.Log = append(s.res.Log, res.Log...)
	if res.Err != nil {
		res.Actions, res.Keep = earlier, &action.Store{Message: s.original}
		s.res = res
		return false
	}
	keep := explicitKeep(res.Actions)
	switch {
	case keep != nil:
		s.keepFlags = keep.Flags
	case res.Keep != nil && len(s.keepFlags) > 0:
		res.Keep.Flags = s.keepFlags
	}
	kept := res.Keep != nil || keep != nil
	res.Actions = append(earlier, res.Actions...)
	s.res = res
	return kept
}

// explicitKeep gives the keep among the actions of a script, nil for none.
func explicitKeep(actions []action.Action) *action.Store {
	for _, a := range actions {
		if s, ok := a.(*action.Store); ok && s.Mailbox == "" {
			return s
		}
	}
	return nil
}

// discard runs the discard script.
func (s *sequence) discard(p *Program) {
	before := s.res
	s.run(p)
	if s.res.Err == nil {
		s.res.Keep = nil
	}
	if s.res.Decided == (Decided{}) {
		s.res.Decided = before.Decided
	}
}

// withoutKeep gives the actions that are no explicit keep.
func withoutKeep(actions []action.Action) []action.Action {
	var rest []action.Action
	for _, a := range actions {
		if s, ok := a.(*action.Store); !ok || s.Mailbox != "" {
			rest = append(rest, a)
		}
	}
	return rest
}
