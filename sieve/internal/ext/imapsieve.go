package ext

import (
	"errors"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "imapsieve", Spec: "RFC 6785",
	Implies: []string{"environment"},
	// RFC 6785 section 4.3; imap.user and imap.email are those of Dovecot.
	EnvItems: []engine.EnvItem{
		{Name: "imap.", Value: func(r *engine.Run, name string) (string, bool) {
			v, ok := r.Env().Items[name]
			return v, ok
		}},
	},
	Start: func(r *engine.Run) error {
		if _, ok := r.Env().Items["imap.cause"]; !ok {
			return errors.New("the imapsieve extension cannot be used outside IMAP")
		}
		return nil
	},
})
