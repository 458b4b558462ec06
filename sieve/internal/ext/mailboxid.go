package ext

import (
	"errors"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "mailboxid", Spec: "RFC 9042",
	Commands: []engine.Command{{
		Name:   "mailboxidexists",
		Params: []engine.Param{{Name: "mailbox-objectids", Kind: engine.StringList}},
		Test:   compileMailboxIDExists,
	}},
	Tags: []engine.Tag{{
		Name: "mailboxid", On: []string{"fileinto"},
		Param: &engine.Param{Name: "mailboxid", Kind: engine.String},
		Apply: func(c *engine.Call, t *engine.TagUse) error {
			id := t.Str()
			c.AddEffect(func(r *engine.Run, a action.Action) error {
				if s, ok := a.(*action.Store); ok {
					if name, found := mailboxWithID(r, id.Eval(r)); found {
						s.Mailbox = name
					}
				}
				return nil
			})
			return nil
		},
		Late: func(c *engine.Call, _ *engine.TagUse) error {
			if c.Tag("specialuse") != nil { // RFC 9042 sections 4.2 and 5
				return errors.New("there can be :mailboxid or :specialuse, not both")
			}
			return nil
		},
	}},
})

// compileMailboxIDExists is true when each of the ids is that of a mailbox (RFC
// 9042 section 6).
func compileMailboxIDExists(c *engine.Call) (engine.Cond, error) {
	ids := c.Strs(0)
	return func(r *engine.Run) (bool, error) {
		for _, id := range ids.Eval(r) {
			if _, ok := mailboxWithID(r, id); !ok {
				return false, nil
			}
		}
		return true, nil
	}, nil
}

// mailboxWithID finds a mailbox by its id. Where the store knows no ids, or
// cannot tell, there is none.
func mailboxWithID(r *engine.Run, id string) (string, bool) {
	boxes, ok := r.Env().Mailboxes.(engine.MailboxIDs)
	if !ok || r.SpendLookup() != nil {
		return "", false
	}
	name, err := boxes.MailboxByID(r.Context(), id)
	if err != nil {
		r.Warn(r.Pos(), "mailboxid: looking for mailbox `%.64s': %v", id, err)
	}
	return name, name != "" && err == nil
}
