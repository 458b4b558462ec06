package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 sections 5.2 and 5.3",
	Commands: []engine.Command{
		{Name: "allof", Subtests: engine.ManyTests, Test: compileUntil(false), Fold: foldUntil(false)},
		{Name: "anyof", Subtests: engine.ManyTests, Test: compileUntil(true), Fold: foldUntil(true)},
	},
})

// compileUntil makes the test that looks for a test with the result v: anyof
// for true, allof for false. The tests behind it are not run.
func compileUntil(v bool) func(*engine.Call) (engine.Cond, error) {
	return func(c *engine.Call) (engine.Cond, error) {
		tests := c.Tests
		return func(r *engine.Run) (bool, error) {
			for _, t := range tests {
				ok, err := t.Run(r)
				if err != nil {
					return false, err
				}
				if ok == v {
					return v, nil
				}
			}
			return !v, nil
		}, nil
	}
}

// foldUntil knows the value when one test is known to be v, or all to be not v.
func foldUntil(v bool) func(*engine.Call, bool) (bool, bool) {
	return func(c *engine.Call, more bool) (bool, bool) {
		if more { // those before the last one were looked at
			last := c.Tests[len(c.Tests)-1]
			return v, last.Known && last.Value == v
		}
		all := true
		for _, t := range c.Tests {
			if t.Known && t.Value == v {
				return v, true
			}
			all = all && t.Known
		}
		return !v, all
	}
}
