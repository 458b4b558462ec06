// Package program runs the programs that Sieve's pipe, filter and execute name
// (spec-bosch-sieve-extprograms, vnd.dovecot.pipe/filter/execute).
//
// A program is a file in one folder that the administrator chose
// (sieve_pipe_bin_dir and its like). It is started without a shell, in a
// session of its own, as the user, in "/", with an environment of at most HOME,
// USER, SENDER, RECIPIENT, ORIG_RECIPIENT and HOST (delivery and back ends of learning
// add their own). It gets a message or a string
// on standard input with CRLF or LF line ends, and must end within a time
// limit; past that all processes of its session are killed. What it leaves behind
// there when it ends by itself is killed half a second later.
//
// Only the exit status says how it went. A program that ends with status 0
// without having read all its input has succeeded: small messages vanish
// unread in the pipe's buffer anyhow, so anything else would depend on the size
// of the mail. Result.Unread tells a caller who would lose the message by it.
//
// A child that makes a session of its own (setsid) is a daemon, and lives on.
package program

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// DefaultTimeout is the time limit where no sieve_*_exec_timeout is set.
const DefaultTimeout = 10 * time.Second

// DefaultMaxOutput bounds a program's output: who takes it holds it in memory.
const DefaultMaxOutput = 64 << 20

// MaxStderr bounds the bytes of standard error that Result.Stderr holds.
const MaxStderr = 4096

// pipeDelay is how long a descendant of an ended program may live on, and one that
// has left its session may hold its output open.
const pipeDelay = 500 * time.Millisecond

var (
	// ErrTimeout is the error of a program that was killed at its time limit.
	ErrTimeout = errors.New("execution timed out")
	// ErrOutput is the error of a program that was killed for writing more than Runner.MaxOutput.
	ErrOutput = errors.New("too much output")
)

// Runner runs the programs of one folder.
type Runner struct {
	Dir       string        // folder of the programs; empty: none can be run
	Timeout   time.Duration // 0: no limit
	LF        bool          // input has LF line ends, not CRLF (sieve_*_input_eol = lf)
	MaxOutput int64         // bytes of standard output; 0: DefaultMaxOutput
}

// Job is one run of a program.
type Job struct {
	Name   string
	Args   []string
	Env    Env
	Cred   *Cred     // whom to run as; ignored unless we are root, nil: as ourselves
	Input  io.Reader // standard input, nil: empty; any line ends
	Output io.Writer // takes standard output; nil: dropped
	// Lock is open in the program, too, so that a lock on it (flock(2)) lasts until the
	// program has ended, though we should be killed before. It may be nil.
	Lock *os.File
}

// Env is what a program is told of the delivery. What is empty is not in its environment.
type Env struct {
	Home, User, Sender, Recipient, OrigRecipient, Host string
	More                                               []string // further variables, NAME=value
}

// Cred is the user that a program runs as.
type Cred struct {
	UID, GID uint32
	Groups   []uint32 // supplementary groups
}

// Result is how a program ended by itself.
type Result struct {
	Status int    // exit status
	Unread bool   // it ended before it took all input from the pipe
	Stderr string // start of its standard error
}

// Run runs a program to its end. The error is a *LookupError when there is no
// such program, ErrTimeout, ErrOutput, ctx's, or says why it did not start or
// which signal ended it; an exit status above 0 is no error. Result.Stderr is
// set in every case.
func (r *Runner) Run(ctx context.Context, job Job) (Result, error) {
	path, err := r.Lookup(job.Name)
	if err != nil {
		return Result{}, err
	}
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Timeout, ErrTimeout)
		defer cancel()
	}
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)

	cmd := r.command(ctx, path, job)
	kill := func(cause error) {
		abort(cause)
		_ = cmd.Cancel() // now, not when ctx is noticed
	}
	stderr := &head{max: MaxStderr}
	cmd.Stderr = stderr
	var out *output
	if job.Output != nil {
		if out, err = newOutput(&limited{w: job.Output, left: cmp.Or(r.MaxOutput, DefaultMaxOutput), over: kill}); err != nil {
			return Result{}, fmt.Errorf("running program %q: %w", job.Name, err)
		}
		cmd.Stdout = out.in
	}
	var input *tracked
	if job.Input != nil {
		input = &tracked{r: newEOLReader(job.Input, !r.LF), fail: kill}
		cmd.Stdin = input
	}
	err = cmd.Start()
	out.start(err == nil)
	if err == nil {
		endSession(ctx, cmd.Process.Pid)
		err = cmd.Wait()
		if outErr := out.end(); err == nil || errors.Is(err, exec.ErrWaitDelay) {
			err = outErr
		}
	}
	res := Result{Stderr: stderr.String(), Unread: input != nil && !input.done}
	res.Status, err = outcome(ctx, job.Name, err)
	return res, err
}

// command prepares the process.
func (r *Runner) command(ctx context.Context, path string, job Job) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, job.Args...)
	cmd.Dir = "/"
	cmd.Env = job.Env.list()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c := job.Cred; c != nil && os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups}
	}
	if job.Lock != nil {
		cmd.ExtraFiles = []*os.File{job.Lock}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeDelay
	return cmd
}

// outcome makes of a process's end an exit status or an error.
func outcome(ctx context.Context, name string, err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	// What ended the program by our hand comes first: its death by SIGKILL tells nothing.
	if cause := context.Cause(ctx); cause != nil {
		return 0, fmt.Errorf("running program %q: %w", name, cause)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, fmt.Errorf("running program %q: %w", name, err)
}

// list gives the environment as execve takes it. It is never nil: exec.Cmd
// would then hand over our own.
func (e Env) list() []string {
	env := []string{}
	for _, v := range [][2]string{
		{"HOME", e.Home}, {"USER", e.User}, {"SENDER", e.Sender},
		{"RECIPIENT", e.Recipient}, {"ORIG_RECIPIENT", e.OrigRecipient}, {"HOST", e.Host},
	} {
		if v[1] != "" {
			env = append(env, v[0]+"="+v[1])
		}
	}
	return append(env, e.More...)
}

// head keeps the first bytes written to it and drops the rest.
type head struct {
	buf bytes.Buffer
	max int
}

func (h *head) Write(p []byte) (int, error) {
	h.buf.Write(p[:min(len(p), h.max-h.buf.Len())])
	return len(p), nil
}

func (h *head) String() string { return h.buf.String() }
