package ext

import (
	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/score"
)

var spamScore = engine.NewConfig(func(s engine.Settings) (score.Reader, error) {
	return score.New(s, "sieve_spamtest", 10)
})

var _ = engine.Register(&engine.Extension{
	Name: "spamtest", Spec: "RFC 5235 section 2.1", OptIn: true,
	Configs: []engine.Configuration{spamScore},
	Commands: []engine.Command{{
		Name: "spamtest", Match: true, Test: compileSpamtest,
		Params: []engine.Param{{Name: "value", Kind: engine.String}},
	}},
})

// compileSpamtest matches the value between 1 and 10, 0 for a message that was
// not tested; :percent is spamtestplus'.
func compileSpamtest(c *engine.Call) (engine.Cond, error) {
	percent := c.Tag("percent") != nil
	return c.MatchVerdict(func(r *engine.Run) (int, error) { return spamScore.Of(r).Value(r.Message(), percent) })
}
