package ext

import (
	"fmt"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 2.7.1, :is",
	MatchTypes: []engine.MatchType{{
		Name: "is", Exact: true,
		Check: func(_ *engine.Call, u *engine.MatchUse) error {
			if u.Comparator.Equal == nil {
				return fmt.Errorf("the specified %s comparator does not support equality", u.Comparator.Name)
			}
			return nil
		},
		Key: func(_ engine.Holder, u *engine.MatchUse, key string) (engine.KeyMatcher, error) {
			equal := u.Comparator.Equal
			return func(_ *engine.Run, value string) bool {
				if value == "" { // equal to nothing but itself, with i;ascii-numeric too
					return key == ""
				}
				return equal(value, key)
			}, nil
		},
	}},
})
