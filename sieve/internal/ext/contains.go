package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 2.7.1, :contains",
	MatchTypes: []engine.MatchType{{
		Name:  "contains",
		Check: engine.NeedsSubstrings,
		Key: func(_ engine.Holder, u *engine.MatchUse, key string) (engine.KeyMatcher, error) {
			index := u.Comparator.Index
			return func(_ *engine.Run, value string) bool {
				at, _ := index(value, key)
				return at >= 0
			}, nil
		},
	}},
})
