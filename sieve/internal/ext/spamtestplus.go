package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Name: "spamtestplus", Spec: "RFC 5235 section 2.1", OptIn: true, Implies: []string{"spamtest"},
	Tags: []engine.Tag{{Name: "percent", On: []string{"spamtest"}}},
})
