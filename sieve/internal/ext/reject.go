package ext

import (
	"errors"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "reject", Spec: "RFC 5429 section 2.2",
	Commands: []engine.Command{{
		Name:   "reject",
		Params: []engine.Param{{Name: "reason", Kind: engine.String}},
		Op: func(c *engine.Call) (engine.Op, error) {
			reason := c.Str(0)
			return func(r *engine.Run) error {
				return r.Do(c, &action.Reject{Reason: reason.Eval(r)})
			}, nil
		},
	}},
	Start: func(r *engine.Run) error {
		if r.Env().Envelope == nil {
			return errors.New("the reject extension cannot be used in this context (needs access to message envelope)")
		}
		return nil
	},
})
