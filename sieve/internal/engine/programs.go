package engine

import (
	"errors"
	"fmt"
	"strings"

	"dovetail/internal/program"
)

// maxProgramArg bounds an argument of a program, in bytes.
const maxProgramArg = 1024

// ProgramParams gives the positional arguments of pipe, filter and execute: the
// program's name, which must be constant, and its arguments
// (spec-bosch-sieve-extprograms section 3).
func ProgramParams(command string) []Param {
	return []Param{
		{Name: "program-name", Kind: String, Const: true, Check: func(name string) error {
			if !program.ValidName(name) {
				return fmt.Errorf("%s: invalid program name '%.80s'", command, name)
			}
			return nil
		}},
		{Name: "arguments", Kind: StringList, Optional: true, Check: func(arg string) error {
			return checkProgramArg(command, arg)
		}},
	}
}

// checkProgramArg refuses what a program cannot be given on one line of a protocol.
func checkProgramArg(command, arg string) error {
	if len(arg) > maxProgramArg || strings.ContainsAny(arg, "\r\n\x00") {
		return fmt.Errorf("%s: specified external program argument `%.128s' is invalid", command, arg)
	}
	return nil
}

// ProgramArgs evaluates the arguments of a call with ProgramParams.
func (r *Run) ProgramArgs(c *Call) ([]string, error) {
	args := c.Strs(1).Eval(r)
	for _, a := range args {
		if err := checkProgramArg(c.Command.Name, a); err != nil {
			return nil, r.Fail(c.Pos, "%w", err)
		}
	}
	return args, nil
}

// programError says that a program was not run to its end.
type programError struct{ error }

// RunProgram runs the program that a call with ProgramParams names, now; call says
// the rest. ok tells that it ended with status 0. The error, that there is none or
// that it did not end by itself, is for ProgramOp and ProgramTest.
func (r *Run) RunProgram(c *Call, call ProgramCall) (output []byte, ok bool, err error) {
	call.Name, _ = c.Str(0).Const()
	if call.Args, err = r.ProgramArgs(c); err != nil {
		return nil, false, err
	}
	exit := 0
	if err = ErrNoProgram; r.env.Programs != nil {
		output, exit, err = r.env.Programs.Run(r.ctx, call)
	}
	switch {
	case errors.Is(err, ErrNoProgram):
		err = programError{fmt.Errorf("%s action: program `%s' not found", call.Kind, call.Name)}
	case err != nil:
		err = programError{fmt.Errorf("%s action: failed to execute program `%s': %w", call.Kind, call.Name, err)}
	}
	return output, err == nil && exit == 0, err
}

// ProgramOp makes the Op of a command that runs a program: one that cannot be run
// ends the script, one that says no does not.
func ProgramOp(run func(r *Run, c *Call) (bool, error)) func(*Call) (Op, error) {
	return func(c *Call) (Op, error) {
		return func(r *Run) error {
			if _, err := run(r, c); err != nil {
				return r.Fail(c.Pos, "%w", err)
			}
			return nil
		}, nil
	}
}

// ProgramTest makes the Test of such a command: it is true for a program that ends
// with status 0, and false, with an error in the log, for one that cannot be run.
func ProgramTest(run func(r *Run, c *Call) (bool, error)) func(*Call) (Cond, error) {
	return func(c *Call) (Cond, error) {
		return func(r *Run) (bool, error) {
			ok, err := run(r, c)
			var failed programError
			if errors.As(err, &failed) {
				r.LogError(c.Pos, "%v", err)
				return false, nil
			}
			return ok, err
		}, nil
	}
}
