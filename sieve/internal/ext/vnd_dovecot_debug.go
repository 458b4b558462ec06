package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.debug", Spec: "spec-bosch-sieve-debug", OptIn: true,
	Commands: []engine.Command{{
		Name:   "debug_log",
		Params: []engine.Param{{Name: "message", Kind: engine.String}},
		Op: func(c *engine.Call) (engine.Op, error) {
			text := c.Str(0)
			return func(r *engine.Run) error {
				r.Info(c.Pos, "DEBUG: %s", text.Eval(r))
				return nil
			}, nil
		},
	}},
})
