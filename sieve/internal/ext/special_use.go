package ext

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// Which mailbox serves which use is the site's to say (Env.SpecialUse). So a
// mailbox that :create makes gets no use by being made, which RFC 8579 section
// 4.1 leaves to the server.
var _ = engine.Register(&engine.Extension{
	Name: "special-use", Spec: "RFC 8579", OptIn: true,
	Commands: []engine.Command{{
		Name: "specialuse_exists",
		Params: []engine.Param{
			{Name: "mailbox", Kind: engine.String, Optional: true},
			{Name: "special-use-flags", Kind: engine.StringList, Check: func(flag string) error {
				return checkSpecialUse("specialuse_exists test", flag)
			}},
		},
		Test: compileSpecialUseExists,
	}},
	Tags: []engine.Tag{{
		Name: "specialuse", On: []string{"fileinto"},
		Param: &engine.Param{Name: "special-use flag", Kind: engine.String, Check: func(flag string) error {
			return checkSpecialUse(":specialuse tag", flag)
		}},
		Apply: func(c *engine.Call, t *engine.TagUse) error {
			use := t.Str()
			c.AddEffect(func(r *engine.Run, a action.Action) error {
				s, ok := a.(*action.Store)
				if !ok {
					return nil
				}
				flag := use.Eval(r)
				if err := checkSpecialUse(":specialuse tag", flag); err != nil {
					return err
				}
				if servesFor(r, s.Mailbox, flag) && mailboxExists(r, s.Mailbox) {
					return nil // RFC 8579 section 4: of several this one
				}
				if name, found := mailboxFor(r, flag); found {
					s.Mailbox = name
				}
				return nil
			})
			return nil
		},
	}},
})

// checkSpecialUse asks for a use: a backslash and an atom (RFC 6154 section 6).
func checkSpecialUse(where, flag string) error {
	name, ok := strings.CutPrefix(flag, `\`)
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) }
	if !ok || name == "" || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%s: invalid special-use flag `%.64s' specified", where, flag)
	}
	return nil
}

// compileSpecialUseExists is true when the mailbox exists and has all the uses,
// or without a mailbox when each of them has a mailbox (RFC 8579 section 3).
func compileSpecialUseExists(c *engine.Call) (engine.Cond, error) {
	mailbox, flags := c.Str(0), c.Strs(1)
	if mailbox != nil {
		c.WarnMailbox(mailbox)
	}
	return func(r *engine.Run) (bool, error) {
		box := ""
		if mailbox != nil {
			box = mailbox.Eval(r)
			if err := engine.CheckMailbox(box); err != nil {
				r.Warn(c.Pos, "specialuse_exists test: invalid mailbox name `%s' specified: %v", box, err)
				return false, nil
			}
			if !mailboxExists(r, box) {
				return false, nil
			}
		}
		for _, flag := range flags.Eval(r) {
			if err := checkSpecialUse("specialuse_exists test", flag); err != nil {
				return false, r.Fail(c.Pos, "%w", err)
			}
			ok := false
			if mailbox != nil {
				ok = servesFor(r, box, flag)
			} else {
				_, ok = mailboxFor(r, flag)
			}
			if !ok {
				return false, nil
			}
		}
		return true, nil
	}, nil
}

// servesFor tells whether a mailbox has a use.
func servesFor(r *engine.Run, mailbox, flag string) bool {
	return slices.ContainsFunc(r.Env().SpecialUse[mailbox], func(f string) bool { return engine.EqualASCII(f, flag) })
}

// mailboxFor gives the mailbox for a use; the first by name of several.
func mailboxFor(r *engine.Run, flag string) (string, bool) {
	for _, name := range slices.Sorted(maps.Keys(r.Env().SpecialUse)) {
		if servesFor(r, name, flag) && mailboxExists(r, name) {
			return name, true
		}
	}
	return "", false
}

// mailboxExists tells whether a mailbox is there; one that cannot be looked at is not.
func mailboxExists(r *engine.Run, name string) bool {
	boxes := r.Env().Mailboxes
	if boxes == nil {
		return true
	}
	if r.SpendLookup() != nil {
		return false
	}
	ok, err := boxes.Exists(r.Context(), name)
	if err != nil {
		r.Warn(r.Pos(), "special-use: mailbox `%s': %v", name, err)
	}
	return ok && err == nil
}
