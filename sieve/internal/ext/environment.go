package ext

import (
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "environment", Spec: "RFC 5183",
	Commands: []engine.Command{{
		Name: "environment",
		Params: []engine.Param{
			{Name: "name", Kind: engine.String},
			{Name: "key list", Kind: engine.StringList},
		},
		Match: true,
		Test:  compileEnvironment,
	}},
	EnvItems: []engine.EnvItem{
		// RFC 5183 section 4.1
		{Name: "domain", Value: domainItem},
		{Name: "host", Value: environmentItem},
		{Name: "location", Value: environmentItem},
		{Name: "name", Value: productItem},
		{Name: "phase", Value: environmentItem},
		{Name: "remote-host", Value: environmentItem},
		{Name: "remote-ip", Value: environmentItem},
		{Name: "version", Value: environmentItem},
	},
})

// compileEnvironment matches one item. An item that is not known never matches,
// its number of values (:count) neither (RFC 5183 section 4).
func compileEnvironment(c *engine.Call) (engine.Cond, error) {
	name, m := c.Str(0), c.Matcher()
	return func(r *engine.Run) (bool, error) {
		value, ok := r.EnvItem(strings.ToLower(name.Eval(r)))
		if !ok {
			return false, nil
		}
		return m.Match(r, value)
	}, nil
}

func environmentItem(r *engine.Run, name string) (string, bool) {
	v, ok := r.Env().Items[name]
	return v, ok
}

// productItem names the product, where the environment has no other name for it.
func productItem(r *engine.Run, name string) (string, bool) {
	if v, ok := r.Env().Items[name]; ok {
		return v, true
	}
	return "dovetail", true
}

// domainItem is the domain of the host where no other is known.
func domainItem(r *engine.Run, name string) (string, bool) {
	items := r.Env().Items
	if v, ok := items[name]; ok {
		return v, true
	}
	_, domain, ok := strings.Cut(items["host"], ".")
	return domain, ok
}
