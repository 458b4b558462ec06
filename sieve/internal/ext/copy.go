package ext

import (
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "copy", Spec: "RFC 3894",
	Tags: []engine.Tag{{
		Name: "copy", On: []string{"fileinto", "redirect"},
		Apply: func(c *engine.Call, _ *engine.TagUse) error {
			c.AddEffect(markAsCopy)
			return nil
		},
	}},
})

// markAsCopy leaves the implicit keep in force beside an action.
func markAsCopy(_ *engine.Run, a action.Action) error {
	switch a := a.(type) {
	case *action.Store:
		a.Copy = true
	case *action.Redirect:
		a.Copy = true
	case *action.Pipe:
		a.Copy = true
	}
	return nil
}
