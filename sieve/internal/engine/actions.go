package engine

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/sieve/action"
)

// Do adds an action to the result, on behalf of a call: the effects of the
// call's tags change it first. It cancels the implicit keep unless the action
// is a copy (RFC 5228 section 2.10.2, RFC 3894).
func (r *Run) Do(c *Call, a action.Action) error {
	if s, ok := a.(*action.Store); ok && s.Flags == nil {
		s.Flags = r.flags
	}
	if err := c.ApplyEffects(r, a); err != nil {
		return r.Fail(c.Pos, "%w", err)
	}
	for _, old := range r.earlier {
		if merged, _ := merge(clone(old), a, Pos{}); merged || superseded(old, a) {
			r.settle(c, a) // it is done already
			return nil
		}
	}
	for i, old := range r.actions {
		merged, err := merge(old, a, r.origins[i])
		if err != nil {
			return r.Fail(c.Pos, "%w", err)
		}
		if merged {
			r.settle(c, old)
			return nil
		}
	}
	if err := r.checkLimits(c, a); err != nil {
		return err
	}
	r.actions, r.origins = append(r.actions, a), append(r.origins, c.Pos)
	r.settle(c, a)
	return nil
}

// ApplyEffects has the tags of the call change an action. Do does it; an
// extension that makes an action part of another one does it for that part.
func (c *Call) ApplyEffects(r *Run, a action.Action) error {
	if c.extra != nil {
		for _, e := range c.extra.effects {
			if err := e(r, a); err != nil {
				return err
			}
		}
	}
	if s, ok := a.(*action.Store); ok {
		s.Flags = canonicalFlags(s.Flags)
	}
	return nil
}

// settle notes what an action does to the implicit keep, and who asked for it.
func (r *Run) settle(c *Call, a action.Action) {
	if cancelsKeep(a) {
		r.keep = false
		r.decided = Decided{Script: r.program.Name, Line: c.Pos.Line}
	}
	if r.env.Trace != nil {
		r.env.Trace(Event{Script: r.program.Name, Pos: c.Pos, Kind: EventAction, Name: c.Command.Name, Action: a})
	}
}

// CancelKeep cancels the implicit keep without any action.
func (r *Run) CancelKeep() { r.keep = false }

// Asked gives the actions asked for so far, those of earlier scripts first. It
// must not be changed.
func (r *Run) Asked() []action.Action { return slices.Concat(r.earlier, r.actions) }

// Withdraw takes back the actions of this script for which gone is true.
func (r *Run) Withdraw(gone func(action.Action) bool) {
	actions, origins := r.actions, r.origins
	r.actions, r.origins = nil, nil
	for i, a := range actions {
		if !gone(a) {
			r.actions, r.origins = append(r.actions, a), append(r.origins, origins[i])
		}
	}
}

// cancelsKeep tells whether an action takes the place of the implicit keep.
func cancelsKeep(a action.Action) bool {
	switch a := a.(type) {
	case *action.Store:
		return !a.Copy
	case *action.Redirect:
		return !a.Copy
	case *action.Pipe:
		return !a.Copy
	case *action.Notify, *action.Respond, *action.Remember:
		return false
	}
	return true
}

// checkLimits refuses an action beyond the limits.
func (r *Run) checkLimits(c *Call, a action.Action) error {
	l := r.program.engine.limits
	if _, ok := a.(*action.Remember); ok {
		return nil // no action in the user's eyes
	}
	if n := len(r.earlier) + len(r.actions) + 1; n > l.Actions {
		return r.Fail(c.Pos, "total number of actions exceeds policy limit (%d > %d)", n, l.Actions)
	}
	if _, ok := a.(*action.Redirect); !ok {
		return nil
	}
	n := 1
	for _, list := range [][]action.Action{r.earlier, r.actions} {
		for _, old := range list {
			if _, ok := old.(*action.Redirect); ok {
				n++
			}
		}
	}
	if n > l.Redirects {
		return r.Fail(c.Pos, "number of redirect actions exceeds policy limit (%d > %d)", n, l.Redirects)
	}
	return nil
}

// merge joins an action to one that the result has already, where the two are
// the same effect; the error says that they exclude each other. at is where the
// older one was asked for.
func merge(old, a action.Action, at Pos) (bool, error) {
	switch old := old.(type) {
	case *action.Store:
		if s, ok := a.(*action.Store); ok && sameMailbox(old.Mailbox, s.Mailbox) {
			if s.Mailbox == "" {
				old.Mailbox = ""
			}
			old.Flags = s.Flags
			old.Copy = old.Copy && s.Copy
			old.Create = old.Create || s.Create
			return true, nil
		}
	case *action.Redirect:
		if n, ok := a.(*action.Redirect); ok && old.Address == n.Address {
			old.Copy = old.Copy && n.Copy
			return true, nil
		}
	case *action.Pipe:
		if n, ok := a.(*action.Pipe); ok && old.Program == n.Program {
			return false, fmt.Errorf("duplicate pipe \"%s\" action not allowed (previously triggered one was here: line %d)",
				n.Program, at.Line)
		}
	case *action.Notify:
		// Nobody is told twice: an address of the older one is told by that (RFC 5435
		// section 3.8 leaves it to the method).
		if n, ok := a.(*action.Notify); ok && old.Method == n.Method {
			n.To = slices.DeleteFunc(n.To, func(r action.Recipient) bool {
				return slices.ContainsFunc(old.To, func(o action.Recipient) bool { return EqualASCII(o.Address, r.Address) })
			})
			return len(n.To) == 0, nil
		}
	case *action.Discard:
		if _, ok := a.(*action.Discard); ok {
			return true, nil
		}
	case *action.Remember:
		if n, ok := a.(*action.Remember); ok && old.Key == n.Key {
			return true, nil
		}
	}
	return false, conflict(old, a, at)
}

// superseded tells whether an earlier script answered the sender, so that this
// vacation is not to do it again.
func superseded(earlier, a action.Action) bool {
	if _, ok := a.(*action.Respond); !ok {
		return false
	}
	switch earlier.(type) {
	case *action.Respond, *action.Reject:
		return true
	}
	return false
}

// conflict refuses reject beside what delivers the message (RFC 5429 section 2.2),
// and a second answer to the sender (RFC 5230 section 4.7).
func conflict(old, a action.Action, at Pos) error {
	_, oldRejects := old.(*action.Reject)
	_, rejects := a.(*action.Reject)
	_, oldResponds := old.(*action.Respond)
	_, responds := a.(*action.Respond)
	switch {
	case oldResponds && responds:
		return fmt.Errorf("duplicate vacation action not allowed (previously triggered one was here: line %d)", at.Line)
	case oldRejects && responds, oldResponds && rejects:
		return fmt.Errorf("%s action conflicts with other action: the %s action (line %d) also sends a response back to the sender",
			a.Name(), old.Name(), at.Line)
	case oldRejects && rejects:
		return fmt.Errorf("duplicate reject/ereject action not allowed (previously triggered one was here: line %d)", at.Line)
	case rejects && delivers(old):
		return fmt.Errorf("reject/ereject action conflicts with other action: "+
			"the %s action (line %d) tries to deliver the message", old.Name(), at.Line)
	case oldRejects && delivers(a):
		return fmt.Errorf("reject/ereject action conflicts with other action: "+
			"the %s action tries to deliver the message (reject: line %d)", a.Name(), at.Line)
	}
	return nil
}

// clone gives a copy of an action that merge may change.
func clone(a action.Action) action.Action {
	switch a := a.(type) {
	case *action.Store:
		c := *a
		return &c
	case *action.Redirect:
		c := *a
		return &c
	}
	return a
}

// Delivers tells whether one of the actions brings the message to somebody.
func Delivers(actions []action.Action) bool { return slices.ContainsFunc(actions, delivers) }

// delivers tells whether an action brings the message to somebody.
func delivers(a action.Action) bool {
	switch a.(type) {
	case *action.Store, *action.Redirect, *action.Pipe:
		return true
	}
	return false
}

// sameMailbox compares mailbox names; INBOX has any case (RFC 3501 section 5.1)
// and is where keep stores.
func sameMailbox(a, b string) bool {
	if a == "" {
		a = "INBOX"
	}
	if b == "" {
		b = "INBOX"
	}
	return a == b || strings.EqualFold(a, "INBOX") && strings.EqualFold(b, "INBOX")
}
