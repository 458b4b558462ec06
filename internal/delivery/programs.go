package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"dovetail/internal/message"
	"dovetail/internal/program"
	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

// Programs are the programs that scripts may run, a folder for each kind.
type Programs struct {
	Pipe, Filter, Execute program.Runner
	Host                  string // HOST of their environment
}

// userPrograms runs programs for one recipient.
type userPrograms struct {
	programs *Programs
	cred     *program.Cred
	env      program.Env
}

// forUser gives them for a copy with the Scorer's verdict; empty: none.
func (p *Programs) forUser(u *userdb.User, e message.Envelope, verdict string) *userPrograms {
	run := &userPrograms{
		programs: p, cred: &program.Cred{UID: u.UID, GID: u.GID, Groups: u.Groups},
		env: program.Env{Home: u.Home, User: u.Name, Sender: e.From, Recipient: e.To, OrigRecipient: e.OrigTo, Host: p.Host},
	}
	if verdict != "" {
		run.env.More = []string{learn.VerdictEnv + "=" + verdict}
	}
	return run
}

// Run is sieve.Programs': filter and execute, while a script runs.
func (p *userPrograms) Run(ctx context.Context, call sieve.ProgramCall) ([]byte, int, error) {
	runner := &p.programs.Execute
	switch call.Kind {
	case sieve.ProgramFilter:
		runner = &p.programs.Filter
	case sieve.ProgramPipe:
		runner = &p.programs.Pipe
	}
	var out bytes.Buffer
	job := program.Job{Name: call.Name, Args: call.Args, Env: p.env, Cred: p.cred, Input: call.Stdin}
	if call.Output {
		job.Output = &out
	}
	res, err := runner.Run(ctx, job)
	if lookup := (*program.LookupError)(nil); errors.As(err, &lookup) {
		err = fmt.Errorf("%w: %w", sieve.ErrNoProgram, err)
	}
	return out.Bytes(), res.Status, withStderr(err, res)
}

// pipe gives the function that carries out a recipient's pipe actions.
func (p *Programs) pipe(u *userdb.User, e message.Envelope, verdict string) func(context.Context, *action.Pipe) error {
	run := p.forUser(u, e, verdict)
	return func(ctx context.Context, a *action.Pipe) error {
		res, err := p.Pipe.Run(ctx, program.Job{
			Name: a.Program, Args: a.Args, Env: run.env, Cred: run.cred, Input: a.Message.Open(),
		})
		if err == nil && res.Status != 0 {
			err = fmt.Errorf("exit status %d", res.Status)
		}
		return withStderr(err, res)
	}
}

// withStderr adds what the program said of its failure.
func withStderr(err error, res program.Result) error {
	if said := strings.TrimSpace(res.Stderr); err != nil && said != "" {
		return fmt.Errorf("%w (it said: %s)", err, said)
	}
	return err
}
