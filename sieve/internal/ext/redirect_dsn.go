package ext

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "redirect-dsn", Spec: "RFC 6009 section 6",
	Tags: []engine.Tag{
		{
			Name: "notify", On: []string{"redirect"},
			Param: &engine.Param{Name: "notify", Kind: engine.String, Check: checkDSNNotify},
			Apply: func(c *engine.Call, t *engine.TagUse) error {
				c.AddEffect(dsnEffect(t, checkDSNNotify, func(a *action.Redirect, v string) {
					words := strings.Split(v, ",")
					slices.Sort(words)
					a.Notify = strings.Join(slices.Compact(words), ",")
				}))
				return nil
			},
		},
		{
			Name: "ret", On: []string{"redirect"},
			Param: &engine.Param{Name: "ret", Kind: engine.String, Check: checkDSNRet},
			Apply: func(c *engine.Call, t *engine.TagUse) error {
				c.AddEffect(dsnEffect(t, checkDSNRet, func(a *action.Redirect, v string) { a.Ret = v }))
				return nil
			},
		},
	},
})

// dsnEffect sets a parameter of a redirect.
func dsnEffect(t *engine.TagUse, check func(string) error, set func(*action.Redirect, string)) engine.Effect {
	value := t.Str()
	return func(r *engine.Run, a action.Action) error {
		v := value.Eval(r)
		if err := check(v); err != nil {
			return err
		}
		if redirect, ok := a.(*action.Redirect); ok {
			set(redirect, strings.ToUpper(v))
		}
		return nil
	}
}

// checkDSNNotify asks for NEVER alone, or a list of other conditions (RFC 3461 section 4.1).
func checkDSNNotify(value string) error {
	words := strings.Split(strings.ToUpper(value), ",")
	for _, w := range words {
		known := w == "SUCCESS" || w == "FAILURE" || w == "DELAY" || w == "NEVER" && len(words) == 1
		if !known {
			return fmt.Errorf("redirect command: invalid :notify value '%.64s': "+
				"it is NEVER, or a list of SUCCESS, FAILURE and DELAY", value)
		}
	}
	return nil
}

func checkDSNRet(value string) error {
	if v := strings.ToUpper(value); v != "FULL" && v != "HDRS" {
		return fmt.Errorf("redirect command: invalid :ret value '%.64s': it is FULL or HDRS", value)
	}
	return nil
}
