package ext

import (
	"errors"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 3.2",
	Commands: []engine.Command{{
		Name:   "require",
		Params: []engine.Param{{Name: "capabilities", Kind: engine.StringList, Const: true}},
		Op:     compileRequire,
	}},
})

// compileRequire puts the capabilities into effect for what follows. Every one
// that cannot be had is reported.
func compileRequire(c *engine.Call) (engine.Op, error) {
	if c.Parent != nil || c.Prev != nil && c.Prev.Command.Name != "require" {
		return nil, errors.New("require commands can only be placed at top level at the beginning of the file")
	}
	var failed error
	for _, s := range c.Strs(0) {
		name, _ := s.Const()
		if err := c.Require(s.Pos, name); err != nil {
			failed = err
		}
	}
	return nil, failed
}
