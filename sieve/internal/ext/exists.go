package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 5.5",
	Commands: []engine.Command{{
		Name: "exists", Test: compileExists,
		Params: []engine.Param{{Name: "header names", Kind: engine.StringList}},
	}},
})

func compileExists(c *engine.Call) (engine.Cond, error) {
	c.WarnHeaderNames(0)
	names, fields := c.Strs(0), c.Fields()
	return func(r *engine.Run) (bool, error) {
		for _, name := range names {
			list, err := fields(r, name.Eval(r))
			if err != nil || len(list) == 0 {
				return false, err
			}
		}
		return true, nil
	}, nil
}
