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
	names, m, fields := c.Strs(0), c.Matcher(), c.Fields()
	return func(r *engine.Run) (bool, error) {
		x := m.Begin(r)
		for _, name := range names {
			list, err := fields(r, name.Eval(r))
			if err != nil {
				return false, err
			}
			for _, f := range list {
				if err := x.Value(f.Decoded()); err != nil {
					return x.End(err)
				}
			}
		}
		return x.End(nil)
	}, nil
}
