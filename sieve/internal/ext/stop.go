package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 3.3",
	Commands: []engine.Command{{
		Name: "stop",
		Op: func(*engine.Call) (engine.Op, error) {
			return func(*engine.Run) error { return engine.ErrStop }, nil
		},
	}},
})
