package ext

import (
	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.filter", Spec: "spec-bosch-sieve-extprograms section 3.2", OptIn: true,
	Commands: []engine.Command{{
		Name:   "filter",
		Params: engine.ProgramParams("filter command"),
		Op:     engine.ProgramOp(filter),
		Test:   engine.ProgramTest(filter),
	}},
})

// filter replaces the message by what the program makes of it, for all that
// follows; the implicit keep after an error is of the original (section 6.1). A
// program that says no, or that gives nothing, leaves the message as it is.
func filter(r *engine.Run, c *engine.Call) (bool, error) {
	out, ok, err := r.RunProgram(c, engine.ProgramCall{Kind: engine.ProgramFilter, Stdin: r.Message().Open(), Output: true})
	if ok && len(out) > 0 {
		r.SetMessage(message.Parse(out))
		name, _ := c.Str(0).Const()
		r.TraceEdit("filter", name)
	}
	return ok, err
}
