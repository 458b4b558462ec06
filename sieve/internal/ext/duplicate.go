package ext

import (
	"time"

	"dovetail/sieve/internal/engine"
)

var duplicatePeriods = engine.NewConfig(func(s engine.Settings) (engine.Periods, error) {
	return s.Periods("sieve_duplicate", engine.Periods{Default: 12 * time.Hour, Max: 48 * time.Hour})
})

var _ = engine.Register(&engine.Extension{
	Name: "duplicate", Spec: "RFC 7352",
	Configs: []engine.Configuration{duplicatePeriods},
	Commands: []engine.Command{{
		Name: "duplicate", Tags: engine.RepeatedTags("uniqueid"),
		Test: func(c *engine.Call) (engine.Cond, error) { return c.Repeated("uniqueid", duplicatePeriods.Of(c)), nil },
	}},
})
