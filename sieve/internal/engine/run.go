package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/syntax"
)

// Run is one execution of a Program over a message. It performs nothing: what
// the script asks for is collected.
type Run struct {
	ctx     context.Context
	program *Program
	env     *Env
	configs []any
	states  []any

	original *message.Message
	msg      *message.Message
	earlier  []action.Action // of scripts before this one
	actions  []action.Action
	origins  []Pos // where each action was asked for
	keep     bool  // the implicit keep is in force
	flags    []string
	decided  Decided

	vars     []string
	captured []string // match variables
	pos      Pos      // of the command or test under way
	steps    int
	work     int   // since the time was last looked at
	over     error // that ends a run which takes too long
	depth    int   // of included programs
	deadline time.Time
	err      error
	log      syntax.Diagnostics
	fields   map[string][]*Field // header fields looked at, by name
	fieldsOf *message.Message    // whose they are
	held     int                 // how many
	part     *message.Part       // that a loop over parts has reached
	seen     []seenValues        // by Program.sources; nil before the first guarded test
	matching Matching            // of the test under way
	limited  bool                // that the structure is not whole was logged
}

// Decided names the rule that decided about the message.
type Decided struct {
	Script string
	Line   int
}

// Result is what a script asks for.
type Result struct {
	// Actions in the order they were asked for, without the implicit keep.
	Actions []action.Action
	// Keep is the implicit keep where it is in force: with the flags and the edited
	// message of the script, or, after an error, the original message without
	// flags. nil: cancelled.
	Keep *action.Store
	// Err is the runtime error (a *RunError) that ended the script; what the script
	// asked for before it must not be done then, and is not in Actions.
	Err error
	// Log has the messages of the run, an error's own among them.
	Log syntax.Diagnostics
	// Message is the message as the script left it.
	Message *message.Message
	// Flags are those that the script left set (RFC 5232 section 2).
	Flags []string
	// Decided is the last command that took the place of the implicit keep; zero
	// when none did.
	Decided Decided
}

// RunError is a runtime error of a script.
type RunError struct {
	Script   string
	Pos      Pos
	Err      error
	Resource bool // a limit of time or steps was passed
}

func (e *RunError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %v", e.Script, e.Pos.Line, e.Pos.Col, e.Err)
}

func (e *RunError) Unwrap() error { return e.Err }

// Run executes the program over msg. It gives a result in every case.
func (p *Program) Run(ctx context.Context, msg *message.Message, env *Env) *Result {
	r := p.NewRun(ctx, msg, env)
	r.Execute()
	return r.Result()
}

// RunAfter runs the program as one of a sequence: earlier holds what the scripts
// before it asked for, which is not asked for again.
func (p *Program) RunAfter(ctx context.Context, msg *message.Message, env *Env, earlier []action.Action) *Result {
	r := p.NewRun(ctx, msg, env)
	r.earlier = earlier
	r.Execute()
	return r.Result()
}

// NewRun makes a run that has not begun.
func (p *Program) NewRun(ctx context.Context, msg *message.Message, env *Env) *Run {
	return &Run{
		ctx: ctx, program: p, env: env, configs: p.engine.configs,
		original: msg, msg: msg, keep: true, flags: env.Flags, vars: make([]string, p.vars),
	}
}

// Execute runs the script to its end. After a runtime error the result is the
// implicit keep of the original message alone (RFC 5228 section 2.10.6).
func (r *Run) Execute() {
	r.deadline = time.Now().Add(r.program.engine.limits.Time)
	err := r.start()
	if err == nil {
		err = r.program.block.Run(r)
	}
	if r.over != nil {
		err = r.over // whatever was made of it
	}
	if err == nil || errors.Is(err, ErrStop) || errors.Is(err, ErrReturn) {
		return
	}
	r.err, r.actions = r.Fail(r.pos, "%w", err), nil
}

// start lets the extensions in effect refuse the run.
func (r *Run) start() error {
	for _, x := range r.program.set {
		if x.Start == nil {
			continue
		}
		if err := x.Start(r); err != nil {
			return err
		}
	}
	return nil
}

// Result gives what was asked for so far.
func (r *Run) Result() *Result {
	res := &Result{Actions: r.actions, Log: r.log, Message: r.msg, Flags: r.flags, Decided: r.decided, Err: r.err}
	if r.err != nil {
		res.Keep = &action.Store{Message: r.original}
	} else if r.keep {
		res.Keep = r.implicitKeep()
	}
	return res
}

// implicitKeep gives the implicit keep as the extensions in effect want it.
func (r *Run) implicitKeep() *action.Store {
	s := &action.Store{Message: r.msg, Flags: canonicalFlags(r.flags)}
	for _, x := range r.program.set {
		if x.Keep != nil {
			x.Keep(r, s)
		}
	}
	return s
}

func (r *Run) configSlots() []any { return r.configs }
func (r *Run) stateSlots() *[]any { return &r.states }

// Context gives the context of the run.
func (r *Run) Context() context.Context { return r.ctx }

// Env gives the environment of the run.
func (r *Run) Env() *Env { return r.env }

// Message gives the message as edited so far.
func (r *Run) Message() *message.Message { return r.msg }

// Original gives the message as it came, or as earlier scripts left it.
func (r *Run) Original() *message.Message { return r.original }

// SetMessage replaces the message for all that follows.
func (r *Run) SetMessage(m *message.Message) { r.msg = m }

// Flags gives the flags that stores without flags of their own get: the internal
// variable of RFC 5232 section 2, at first Env.Flags. It must not be changed.
func (r *Run) Flags() []string { return r.flags }

// SetFlags replaces those flags for all that follows.
func (r *Run) SetFlags(flags []string) { r.flags = flags }

// Limits gives the limits of the engine.
func (r *Run) Limits() Limits { return r.program.engine.limits }

// Now gives the time, from Env.
func (r *Run) Now() time.Time {
	if r.env.Now != nil {
		return r.env.Now()
	}
	return time.Now()
}

// Pos gives the position of the command or test under way.
func (r *Run) Pos() Pos { return r.pos }

// step counts a command or test and ends a run that takes too long.
func (r *Run) step() error {
	r.steps++
	if r.steps > r.program.engine.limits.Steps {
		return r.resource("execution exceeded the limit of %d steps", r.program.engine.limits.Steps)
	}
	return r.Spend(workOfStep)
}

// Work, in bytes looked at: after how much of it the time is looked at, and what
// a step counts for.
const (
	workAtOnce = 1 << 20
	workOfStep = workAtOnce / 64
)

// Spend counts work of a command or test that grows with the message: n bytes
// looked at, or something that takes as long. It gives the error that ends a run
// which takes too long, from then on always.
func (r *Run) Spend(n int) error {
	if r.work += n; r.over != nil || r.work < workAtOnce {
		return r.over
	}
	r.work = 0
	if err := r.ctx.Err(); err != nil {
		r.over = r.resource("execution ended: %w", err)
	} else if time.Now().After(r.deadline) {
		r.over = r.resource("execution exceeded the time limit of %v", r.program.engine.limits.Time)
	}
	return r.over
}

// SpendLookup counts a question to the world outside, as whether a mailbox exists:
// a list may ask many of them.
func (r *Run) SpendLookup() error { return r.Spend(workOfStep) }

func (r *Run) resource(format string, args ...any) error {
	err := r.Fail(r.pos, format, args...)
	var re *RunError
	if errors.As(err, &re) {
		re.Resource = true
	}
	return err
}

// Captured gives a match variable (RFC 5229 section 3.2).
func (r *Run) Captured(i int) string {
	if i < 0 || i >= len(r.captured) {
		return ""
	}
	return r.captured[i]
}

// WantsCaptures tells whether the script uses match variables at all.
func (r *Run) WantsCaptures() bool { return r.program.match }

// SetCaptured sets the match variables: first the whole match. Match types call
// it when a match succeeded and WantsCaptures.
func (r *Run) SetCaptured(values []string) { r.captured = values[:min(len(values), maxCaptured)] }

// maxCaptured is the number of match variables kept, the whole match included
// (Pigeonhole: SIEVE_MAX_MATCH_VALUES).
const maxCaptured = 32
