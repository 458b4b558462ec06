package ext

import (
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 4.3",
	Commands: []engine.Command{{
		Name: "keep",
		Op: func(c *engine.Call) (engine.Op, error) {
			return func(r *engine.Run) error {
				return r.Do(c, &action.Store{Message: r.Message()})
			}, nil
		},
	}},
})
