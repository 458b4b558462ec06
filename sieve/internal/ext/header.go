package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 5.7",
	Commands: []engine.Command{{
		Name: "header", Match: true, Test: compileHeader,
		Params: []engine.Param{
			{Name: "header names", Kind: engine.StringList},
			{Name: "key list", Kind: engine.StringList},
		},
	}},
})

func compileHeader(c *engine.Call) (engine.Cond, error) {
	c.WarnHeaderNames(0)
	names, fields := c.Strs(0), c.Fields()
	return c.Comparing(func(r *engine.Run, x *engine.Matching) error {
		for _, name := range names {
			list, err := fields(r, name.Eval(r))
			if err != nil {
				return err
			}
			for _, f := range list {
				if err := x.Value(f.Decoded()); err != nil {
					return err
				}
			}
		}
		return nil
	}), nil
}
