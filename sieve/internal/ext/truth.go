package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 sections 5.6 and 5.10",
	Commands: []engine.Command{
		{Name: "true", Test: constant(true), Fold: known(true)},
		{Name: "false", Test: constant(false), Fold: known(false)},
	},
})

func constant(v bool) func(*engine.Call) (engine.Cond, error) {
	return func(*engine.Call) (engine.Cond, error) {
		return func(*engine.Run) (bool, error) { return v, nil }, nil
	}
}

func known(v bool) func(*engine.Call, bool) (bool, bool) {
	return func(*engine.Call, bool) (bool, bool) { return v, true }
}
