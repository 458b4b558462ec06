package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Name: "ihave", Spec: "RFC 5463",
	Commands: []engine.Command{
		{
			Name:   "ihave",
			Params: []engine.Param{{Name: "capabilities", Kind: engine.StringList, Const: true}},
			Check:  checkIhave,
			Test: func(c *engine.Call) (engine.Cond, error) {
				have := c.Data.(bool)
				return func(*engine.Run) (bool, error) { return have, nil }, nil
			},
			// Where it is true, what does not depend on it is compiled all the same.
			Fold: func(c *engine.Call, _ bool) (value, known bool) {
				have, ok := c.Data.(bool)
				return false, ok && !have
			},
		},
		{
			Name:   "error",
			Params: []engine.Param{{Name: "message", Kind: engine.String}},
			Op: func(c *engine.Call) (engine.Op, error) {
				message := c.Str(0)
				return func(r *engine.Run) error { return r.Fail(c.Pos, "%s", message.Eval(r)) }, nil
			},
		},
	},
})

// checkIhave puts the capabilities into effect for what follows where all of
// them can be had (RFC 5463 section 4). Else the test is known to be false, and
// what depends on it is not compiled.
func checkIhave(c *engine.Call) error {
	names, _ := c.Strs(0).Const()
	have := true
	for _, name := range names {
		have = have && c.CanRequire(name)
	}
	c.Data = have
	if !have {
		return nil
	}
	for _, s := range c.Strs(0) {
		name, _ := s.Const()
		if err := c.Require(s.Pos, name); err != nil {
			return err
		}
	}
	return nil
}
