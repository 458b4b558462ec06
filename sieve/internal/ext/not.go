package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 5.8",
	Commands: []engine.Command{{
		Name: "not", Subtests: engine.OneTest, Test: compileNot,
		Fold: func(c *engine.Call, _ bool) (bool, bool) {
			return len(c.Tests) == 1 && !c.Tests[0].Value, len(c.Tests) == 1 && c.Tests[0].Known
		},
	}},
})

func compileNot(c *engine.Call) (engine.Cond, error) {
	test := c.Tests[0]
	return func(r *engine.Run) (bool, error) {
		ok, err := test.Run(r)
		return !ok, err
	}, nil
}
