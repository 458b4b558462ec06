package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.imapsieve", Spec: "Pigeonhole, doc/plugins/imapsieve.txt",
	Implies: []string{"imapsieve"},
	EnvItems: []engine.EnvItem{
		{Name: "vnd.dovecot.mailbox-from", Value: changedMailbox},
		{Name: "vnd.dovecot.mailbox-to", Value: changedMailbox},
	},
})

// changedMailbox names where a message came from or went to.
func changedMailbox(r *engine.Run, name string) (string, bool) {
	v, ok := r.Env().Items[name]
	return v, ok
}
