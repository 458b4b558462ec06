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
		Op:   engine.ProgramOp(execute),
		Test: engine.ProgramTest(execute),
	}},
})

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
	output, wanted := c.Data.(engine.Variable)
	out, ok, err := r.RunProgram(c, engine.ProgramCall{Kind: engine.ProgramExecute, Stdin: executeInput(r, c), Output: wanted})
	if ok && wanted {
		output.Set(r, string(out))
	}
	return ok, err
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
