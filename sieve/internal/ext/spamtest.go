package ext

import (
	"strconv"

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
	m, percent := c.Matcher(), c.Tag("percent") != nil
	return func(r *engine.Run) (bool, error) {
		v, err := spamScore.Of(r).Value(r.Message(), percent)
		if err != nil {
			r.Info(c.Pos, "spamtest: not tested: %v", err)
		}
		return m.Match(r, strconv.Itoa(v))
	}, nil
}
