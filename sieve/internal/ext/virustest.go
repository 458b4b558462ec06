package ext

import (
	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/score"
)

var virusScore = engine.NewConfig(func(s engine.Settings) (score.Reader, error) {
	return score.New(s, "sieve_virustest", 5)
})

var _ = engine.Register(&engine.Extension{
	Name: "virustest", Spec: "RFC 5235 section 2.2", OptIn: true,
	Configs: []engine.Configuration{virusScore},
	Commands: []engine.Command{{
		Name: "virustest", Match: true, Test: compileVirustest,
		Params: []engine.Param{{Name: "value", Kind: engine.String}},
	}},
})

// compileVirustest matches the value between 1 and 5, 0 for a message that was
// not tested.
func compileVirustest(c *engine.Call) (engine.Cond, error) {
	return c.MatchVerdict(func(r *engine.Run) (int, error) { return virusScore.Of(r).Value(r.Message(), false) })
}
