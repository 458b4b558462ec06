package ext

import (
	"errors"
	"io"
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.execute", Spec: "spec-bosch-sieve-extprograms section 3.3", OptIn: true,
	Commands: []engine.Command{{
		Name:   "execute",
		Params: engine.ProgramParams("execute command"),
		Tags: []engine.Tag{
			{Name: "input", Group: "INPUT", Param: &engine.Param{Name: "input-data", Kind: engine.String}},
			{Name: "pipe", Group: "INPUT"},
			{
				Name: "output", Param: &engine.Param{Name: "variable name", Kind: engine.String, Const: true},
				Apply: findExecuteOutput,
			},
		},
		Op: func(c *engine.Call) (engine.Op, error) {
			return func(r *engine.Run) error {
				_, err := execute(r, c)
				var failed *executeError
				if errors.As(err, &failed) {
					return r.Fail(c.Pos, "%w", err)
				}
				return err
			}, nil
		},
		Test: func(c *engine.Call) (engine.Cond, error) {
			return func(r *engine.Run) (bool, error) {
				ok, err := execute(r, c)
				var failed *executeError
				if errors.As(err, &failed) {
					r.LogError(c.Pos, "%v", err)
					return false, nil
				}
				return ok, err
			}, nil
		},
	}},
})

// executeError says that the program was not run to its end.
type executeError struct{ text string }

func (e *executeError) Error() string { return e.text }

// findExecuteOutput finds the variable that takes the program's output.
func findExecuteOutput(c *engine.Call, t *engine.TagUse) error {
	if !c.Has("variables") {
		return errors.New("the execute command only allows for the specification of an " +
			":output argument when the variables extension is active")
	}
	name, _ := t.Str().Const()
	v, err := c.Variable(name)
	if err != nil {
		return c.Errorf(t.Str().Pos, "%w", err)
	}
	if v.Set == nil {
		return c.Errorf(t.Str().Pos, "cannot assign to variable `%s'", name)
	}
	c.Data = v
	return nil
}

// execute runs the program and says whether it ended with status 0. Only then
// the :output variable changes.
func execute(r *engine.Run, c *engine.Call) (bool, error) {
	name, _ := c.Str(0).Const()
	args, err := r.ProgramArgs(c)
	if err != nil {
		return false, err
	}
	output, wanted := c.Data.(engine.Variable)
	out, exit, err := r.RunProgram(engine.ProgramCall{
		Kind: engine.ProgramExecute, Name: name, Args: args, Stdin: executeInput(r, c), Output: wanted,
	})
	switch {
	case errors.Is(err, engine.ErrNoProgram):
		return false, &executeError{"execute action: program `" + name + "' not found"}
	case err != nil:
		return false, &executeError{"execute action: failed to execute program `" + name + "': " + err.Error()}
	case exit != 0:
		return false, nil
	}
	if wanted {
		output.Set(r, string(out))
	}
	return true, nil
}

// executeInput gives the program's input: the message, a string or nothing.
func executeInput(r *engine.Run, c *engine.Call) io.Reader {
	if c.Tag("pipe") != nil {
		return r.Message().Open()
	}
	if t := c.Tag("input"); t != nil {
		return strings.NewReader(t.Str().Eval(r))
	}
	return nil
}
