package svtest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"dovetail/sieve/internal/engine"
)

// setting gives a setting in effect.
func (s *suite) setting(name string) string { return strings.TrimSpace(s.applied[name]) }

// reload puts the settings into effect, for the test file itself too. A bad
// setting is replaced by its default, as everywhere.
func (s *suite) reload() error {
	s.applied = maps.Clone(s.set)
	settings := engine.Settings(s.applied)
	limits := engine.Limits{}
	if limit, err := settings.Duration("sieve_max_cpu_time", 30*time.Second); err == nil {
		limits.Time = limit
	}
	e, err := engine.New(engine.Options{
		Extensions: strings.Join(engine.Known(), " "),
		Settings:   settings, Limits: limits,
		Extra: []*engine.Extension{s.extension()},
	})
	if e == nil {
		return err
	}
	s.engine = e
	s.env.UserEmail = s.setting("sieve_user_email")
	if s.run != nil {
		s.run.UseSettings(e)
	}
	return nil
}

func (s *suite) testConfigSet(r *engine.Run, c *engine.Call) error {
	s.set[c.Str(0).Eval(r)] = c.Str(1).Eval(r)
	return nil
}

func (s *suite) testConfigUnset(r *engine.Run, c *engine.Call) error {
	delete(s.set, c.Str(0).Eval(r))
	return nil
}

func (s *suite) testConfigReload(r *engine.Run, c *engine.Call) error {
	if t := c.Tag("extension"); t != nil {
		name := t.Str().Eval(r)
		if !slices.Contains(engine.Known(), name) {
			return r.Fail(c.Pos, "testsuite: test_config_reload: unknown extension '%s'", name)
		}
	}
	return s.reload()
}
