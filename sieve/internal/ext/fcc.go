package ext

import (
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "fcc", Spec: "RFC 8580",
	Tags: []engine.Tag{{
		Name: "fcc", On: []string{"vacation", "notify"},
		Param: &engine.Param{Name: "mailbox", Kind: engine.String, Check: engine.CheckMailbox},
		// Section 3.1: those that say how fileinto stores say it here, too.
		Brings: []string{"create", "flags", "mailboxid", "specialuse"},
		Apply:  fileCopy,
	}},
})

// fileCopy has the message that the action sends stored as well. The flags of
// the message that it answers are none of its own.
func fileCopy(c *engine.Call, t *engine.TagUse) error {
	mailbox := t.Str()
	c.AddEffect(func(r *engine.Run, a action.Action) error {
		var where **action.Store
		switch a := a.(type) {
		case *action.Respond:
			where = &a.Copy
		case *action.Notify:
			where = &a.Copy
		default:
			return nil
		}
		s := &action.Store{Mailbox: mailbox.Eval(r), Copy: true}
		if err := engine.CheckMailbox(s.Mailbox); err != nil {
			return err
		}
		*where = s
		return c.ApplyEffects(r, s)
	})
	return nil
}
