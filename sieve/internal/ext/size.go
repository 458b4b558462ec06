package ext

import (
	"errors"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 5.9",
	Commands: []engine.Command{{
		Name: "size", Test: compileSize,
		Tags:   []engine.Tag{{Name: "over", Repeat: true, Apply: oneBound}, {Name: "under", Repeat: true, Apply: oneBound}},
		Params: []engine.Param{{Name: "limit", Kind: engine.Number}},
	}},
})

// oneBound refuses a second of :over and :under.
func oneBound(c *engine.Call, _ *engine.TagUse) error {
	if c.Data != nil {
		return errors.New("exactly one of the ':under' or ':over' tags must be specified for the size test, but more were found")
	}
	c.Data = true
	return nil
}

func compileSize(c *engine.Call) (engine.Cond, error) {
	if c.Data == nil {
		return nil, errors.New("the size test requires either the :under or the :over tag to be specified")
	}
	limit, _ := c.Num(0)
	over := c.Tag("over") != nil
	return func(r *engine.Run) (bool, error) {
		size := uint64(r.Message().VirtualSize())
		return over && size > limit || !over && size < limit, nil
	}, nil
}
