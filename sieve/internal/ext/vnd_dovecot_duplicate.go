package ext

import (
	"time"

	"dovetail/sieve/internal/engine"
)

var vndDuplicatePeriods = engine.NewConfig(func(s engine.Settings) (engine.Periods, error) {
	p, _ := s.Periods("sieve_duplicate", engine.Periods{Default: 12 * time.Hour, Max: 48 * time.Hour})
	return p, nil // duplicate tells of what is bad
})

// The test of RFC 7352 as it was before that: :value stands for :uniqueid.
var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.duplicate", Spec: "spec-bosch-sieve-duplicate", Excludes: []string{"duplicate"},
	Configs: []engine.Configuration{vndDuplicatePeriods},
	Commands: []engine.Command{{
		Name: "duplicate", Tags: engine.RepeatedTags("value"),
		Test: func(c *engine.Call) (engine.Cond, error) { return c.Repeated("value", vndDuplicatePeriods.Of(c)), nil },
	}},
})
