package ext

import (
	"fmt"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "relational", Spec: "RFC 5231",
	MatchTypes: []engine.MatchType{
		{Name: "value", Param: &relationParam, Check: checkRelation, Key: compareBy},
		{Name: "count", Param: &relationParam, Check: checkRelation, Key: compareBy, OnCount: true},
	},
})

var relationParam = engine.Param{Name: "relational match", Kind: engine.String, Const: true}

// relations tell by the order of value and key whether they match.
var relations = map[string]func(order int) bool{
	"gt": func(o int) bool { return o > 0 },
	"ge": func(o int) bool { return o >= 0 },
	"lt": func(o int) bool { return o < 0 },
	"le": func(o int) bool { return o <= 0 },
	"eq": func(o int) bool { return o == 0 },
	"ne": func(o int) bool { return o != 0 },
}

func checkRelation(_ *engine.Call, u *engine.MatchUse) error {
	if relations[u.Param] == nil {
		return fmt.Errorf(`the :%s match-type requires a constant string argument being one of `+
			`"gt", "ge", "lt", "le", "eq" or "ne", but "%s" was found`, u.Type.Name, u.Param)
	}
	if u.Comparator.Compare == nil {
		return fmt.Errorf("the specified %s comparator does not support ordering as required by the :%s match type",
			u.Comparator.Name, u.Type.Name)
	}
	return nil
}

func compareBy(_ engine.Holder, u *engine.MatchUse, key string) (engine.KeyMatcher, error) {
	holds, compare := relations[u.Param], u.Comparator.Compare
	return func(_ *engine.Run, value string) bool { return holds(compare(value, key)) }, nil
}
