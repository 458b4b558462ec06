package ext

import (
	"time"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// The bounds are those of vacation's :days. A minimum of 0 lets :seconds 0 have
// every message answered (RFC 6131 section 2).
var vacationSeconds = engine.NewConfig(func(s engine.Settings) (engine.Periods, error) {
	const day = 24 * time.Hour
	p, _ := s.Periods("sieve_vacation", engine.Periods{Default: 7 * day, Min: day, Max: 60 * day})
	return p, nil // vacation tells of what is bad
})

var _ = engine.Register(&engine.Extension{
	Name: "vacation-seconds", Spec: "RFC 6131", Implies: []string{"vacation"}, OptIn: true,
	Configs: []engine.Configuration{vacationSeconds},
	Tags: []engine.Tag{{
		Name: "seconds", On: []string{"vacation"}, Group: "PERIOD",
		Param: &engine.Param{Name: "seconds", Kind: engine.Number},
		Apply: func(c *engine.Call, t *engine.TagUse) error {
			period := vacationSeconds.Of(c).Of(c, t, time.Second)
			c.AddEffect(func(_ *engine.Run, a action.Action) error {
				if v, ok := a.(*action.Respond); ok {
					v.Period = period
				}
				return nil
			})
			return nil
		},
	}},
})
