package ext

import (
	"errors"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "ereject", Spec: "RFC 5429 section 2.1",
	Commands: []engine.Command{{
		Name:   "ereject",
		Params: []engine.Param{{Name: "reason", Kind: engine.String}},
		Op: func(c *engine.Call) (engine.Op, error) {
			reason := c.Str(0)
			return func(r *engine.Run) error {
				return r.Do(c, &action.Reject{Reason: reason.Eval(r), Ereject: true})
			}, nil
		},
	}},
	Start: func(r *engine.Run) error {
		if r.Env().Envelope == nil {
			return errors.New("the ereject extension cannot be used in this context (needs access to message envelope)")
		}
		return nil
	},
})
