package ext

import (
	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

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
	fixed, known := names.Const()
	return func(r *engine.Run) (bool, error) {
		list := fixed
		if !known {
			list = names.Eval(r)
		}
		x := m.Begin(r)
		return x.End(fields(r, list, func(f message.Field) error { return x.Value(f.Decoded()) }))
	}, nil
}
