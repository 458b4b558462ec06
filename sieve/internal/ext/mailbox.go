package ext

import (
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "mailbox", Spec: "RFC 5490 section 3",
	Commands: []engine.Command{{
		Name:   "mailboxexists",
		Params: []engine.Param{{Name: "mailbox-names", Kind: engine.StringList}},
		Test:   compileMailboxExists,
	}},
	Tags: []engine.Tag{{
		Name: "create", On: []string{"fileinto"},
		Apply: func(c *engine.Call, _ *engine.TagUse) error {
			c.AddEffect(createMailbox)
			return nil
		},
	}},
})

// createMailbox has a mailbox made where it is missing (RFC 5490 section 3.2).
func createMailbox(_ *engine.Run, a action.Action) error {
	if s, ok := a.(*action.Store); ok {
		s.Create = true
	}
	return nil
}

// compileMailboxExists is true when all of the mailboxes exist (RFC 5490
// section 3.1). Where nothing is known of mailboxes, all are taken to exist.
func compileMailboxExists(c *engine.Call) (engine.Cond, error) {
	names := c.Strs(0)
	for _, s := range names {
		if name, known := s.Const(); known {
			if err := engine.CheckMailbox(name); err != nil {
				c.Warnf(s.Pos, "mailboxexists test: invalid mailbox name `%s' specified: %v", name, err)
			}
		}
	}
	return func(r *engine.Run) (bool, error) {
		boxes := r.Env().Mailboxes
		if boxes == nil {
			return true, nil
		}
		for _, name := range names.Eval(r) {
			if err := engine.CheckMailbox(name); err != nil {
				r.Warn(c.Pos, "mailboxexists test: invalid mailbox name `%s' specified: %v", name, err)
				return false, nil
			}
			if err := r.SpendLookup(); err != nil {
				return false, err
			}
			exists, err := boxes.Exists(r.Context(), name)
			if err != nil {
				// One that cannot be looked at cannot be filed into either.
				r.Warn(c.Pos, "mailboxexists test: mailbox `%s': %v", name, err)
			}
			if !exists || err != nil {
				return false, nil
			}
		}
		return true, nil
	}, nil
}
