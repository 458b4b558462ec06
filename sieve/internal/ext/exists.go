package ext

import (
	"errors"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 5.5",
	Commands: []engine.Command{{
		Name: "exists", Test: compileExists,
		Params: []engine.Param{{Name: "header names", Kind: engine.StringList}},
	}},
})

// errFieldFound ends the search for a field.
var errFieldFound = errors.New("found")

func compileExists(c *engine.Call) (engine.Cond, error) {
	c.WarnHeaderNames(0)
	names, fields := c.Strs(0), c.Fields()
	return func(r *engine.Run) (bool, error) {
		for _, name := range names {
			err := fields(r, []string{name.Eval(r)}, func(message.Field) error { return errFieldFound })
			if !errors.Is(err, errFieldFound) {
				return false, err
			}
		}
		return true, nil
	}, nil
}
