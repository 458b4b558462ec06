package ext

import (
	"errors"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.filter", Spec: "spec-bosch-sieve-extprograms section 3.2", OptIn: true,
	Commands: []engine.Command{{
		Name:   "filter",
		Params: engine.ProgramParams("filter command"),
		Op: func(c *engine.Call) (engine.Op, error) {
			return func(r *engine.Run) error {
				_, err := filter(r, c)
				var failed *filterError
				if errors.As(err, &failed) {
					return r.Fail(c.Pos, "%w", err)
				}
				return err
			}, nil
		},
		Test: func(c *engine.Call) (engine.Cond, error) {
			return func(r *engine.Run) (bool, error) {
				ok, err := filter(r, c)
				var failed *filterError
				if errors.As(err, &failed) {
					r.LogError(c.Pos, "%v", err)
					return false, nil
				}
				return ok, err
			}, nil
		},
	}},
})

// filterError says that the program was not run to its end.
type filterError struct{ text string }

func (e *filterError) Error() string { return e.text }

// filter replaces the message by what the program makes of it, for all that
// follows; the implicit keep after an error is of the original (section 6.1). A
// program that says no, or that gives nothing, leaves the message as it is.
func filter(r *engine.Run, c *engine.Call) (bool, error) {
	name, _ := c.Str(0).Const()
	args, err := r.ProgramArgs(c)
	if err != nil {
		return false, err
	}
	out, exit, err := r.RunProgram(engine.ProgramCall{
		Kind: engine.ProgramFilter, Name: name, Args: args, Stdin: r.Message().Open(), Output: true,
	})
	switch {
	case errors.Is(err, engine.ErrNoProgram):
		return false, &filterError{"filter action: program `" + name + "' not found"}
	case err != nil:
		return false, &filterError{"filter action: failed to execute program `" + name + "': " + err.Error()}
	case exit != 0:
		return false, nil
	}
	if len(out) > 0 {
		r.SetMessage(message.Parse(out))
		r.TraceEdit("filter", name)
	}
	return true, nil
}
