package cli

import (
	"fmt"
	"math"
	"time"

	"dovetail/internal/config"
	"dovetail/sieve"
)

// Engine builds the Sieve engine that [sieve] asks for.
func Engine(c *config.Config) (*sieve.Engine, error) {
	e, err := sieve.New(sieve.Options{
		Extensions: c.Sieve.Extensions, GlobalExtensions: c.Sieve.GlobalExtensions,
		Settings: c.SieveSettings(), Limits: limits(c.Sieve),
	})
	if err != nil {
		return nil, badConfig(fmt.Errorf("[sieve]: %w", err))
	}
	return e, nil
}

// limits translates Dovecot's way of saying "none" (0 bytes, actions, seconds) and
// "forbidden" (0 redirects) to the engine's, where 0 is the default.
func limits(s config.Sieve) sieve.Limits {
	l := sieve.Limits{Actions: s.MaxActions, Redirects: s.MaxRedirects, Time: s.MaxCPUTime}
	l.Syntax.ScriptSize = int(min(s.MaxScriptSize, math.MaxInt))
	if l.Syntax.ScriptSize == 0 {
		l.Syntax.ScriptSize = math.MaxInt
	}
	if l.Actions == 0 {
		l.Actions = math.MaxInt
	}
	if l.Redirects == 0 {
		l.Redirects = -1
	}
	if l.Time == 0 {
		l.Time = math.MaxInt64 / 2 * time.Nanosecond
	}
	return l
}
