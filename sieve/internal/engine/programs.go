package engine

import (
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

// RunProgram runs a program now. The error says that there is none or that it
// did not end by itself.
func (r *Run) RunProgram(call ProgramCall) (output []byte, exit int, err error) {
	if r.env.Programs == nil {
		return nil, 0, ErrNoProgram
	}
	return r.env.Programs.Run(r.ctx, call)
}
