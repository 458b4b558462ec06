package ext

import (
	"fmt"
	"strings"

	"dovetail/sieve/internal/engine"
)

// Settings that become items: 0.5's sieve_env_NAME, and 2.4's sieve_environment/NAME.
var environmentSettings = engine.NewConfig(func(s engine.Settings) (map[string]string, error) {
	items := map[string]string{}
	for _, prefix := range []string{"sieve_env_", "sieve_environment/"} {
		for key, value := range s {
			if name, ok := strings.CutPrefix(key, prefix); ok && name != "" {
				items[strings.ToLower(name)] = value
			}
		}
	}
	return items, nil
})

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.environment", Spec: "spec-bosch-sieve-dovecot-environment", OptIn: true,
	Implies: []string{"environment"},
	EnvItems: []engine.EnvItem{
		{Name: "vnd.dovecot.default-mailbox", Value: func(r *engine.Run, name string) (string, bool) {
			if v, ok := r.Env().Items[name]; ok {
				return v, true
			}
			return "INBOX", true
		}},
		{Name: "vnd.dovecot.username", Value: func(r *engine.Run, _ string) (string, bool) {
			return r.Env().User, r.Env().User != ""
		}},
		{Name: "vnd.dovecot.config.", Value: func(r *engine.Run, name string) (string, bool) {
			if v, ok := r.Env().Items[name]; ok {
				return v, true
			}
			v, ok := environmentSettings.Of(r)[strings.TrimPrefix(name, "vnd.dovecot.config.")]
			return v, ok
		}},
	},
	Namespaces: []engine.Namespace{{Name: "env", Resolve: resolveEnvironment}},
	Configs:    []engine.Configuration{environmentSettings},
})

// resolveEnvironment makes ${env.NAME} of the item NAME. Variable names have no
// hyphen: where the item is not known, its name with "-" for "_" is tried.
func resolveEnvironment(_ *engine.Compiler, path []string) (engine.Variable, error) {
	for _, p := range path {
		if strings.Trim(p, "0123456789") == "" {
			return engine.Variable{}, fmt.Errorf("vnd.dovecot.environment: invalid variable name within "+
				"env namespace `env.%s': encountered numeric variable name", p)
		}
	}
	name := strings.ToLower(strings.Join(path, "."))
	return engine.Variable{Get: func(r *engine.Run) string {
		if v, ok := r.EnvItem(name); ok {
			return v
		}
		v, _ := r.EnvItem(strings.ReplaceAll(name, "_", "-"))
		return v
	}}, nil
}
