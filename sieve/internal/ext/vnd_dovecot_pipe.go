package ext

import (
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.pipe", Spec: "spec-bosch-sieve-extprograms section 3.1", OptIn: true,
	Commands: []engine.Command{{
		Name:   "pipe",
		Params: engine.ProgramParams("pipe command"),
		Tags:   []engine.Tag{{Name: "try"}},
		Takes:  []string{"copy"},
		Op:     compilePipe,
	}},
})

// compilePipe asks for the message to be handed to a program when all is
// committed, as it is now. With :try a failure is no error; the implicit keep
// stays in force then (section 5), for which delivery sees to it.
func compilePipe(c *engine.Call) (engine.Op, error) {
	name, _ := c.Str(0).Const()
	try := c.Tag("try") != nil
	return func(r *engine.Run) error {
		args, err := r.ProgramArgs(c)
		if err != nil {
			return err
		}
		return r.Do(c, &action.Pipe{Program: name, Args: args, Try: try, Message: r.Message()})
	}, nil
}
