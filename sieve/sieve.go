// Package sieve is the Sieve mail filtering language (RFC 5228) and its
// extensions: scripts are compiled once, run over messages, and give a list of
// actions, which somebody else carries out.
//
//	e, err := sieve.New(sieve.Options{Extensions: "+editheader"})
//	p, diags := e.Compile("user", src, false)
//	res := p.Run(ctx, msg, &sieve.Env{Envelope: &env, User: "anna"})
//
// An Engine and its Programs are immutable and safe for concurrent use. What an
// extension is, and how one is added, is told by sieve/internal/engine.
package sieve

import (
	"dovetail/sieve/internal/engine"
	_ "dovetail/sieve/internal/ext" // the language itself
	"dovetail/sieve/internal/syntax"
)

// The engine's types; see there.
type (
	// Engine compiles scripts: see New.
	Engine = engine.Engine
	// Options choose what an Engine can do.
	Options = engine.Options
	// Limits bound what scripts may ask for.
	Limits = engine.Limits
	// SyntaxLimits bound what the parser accepts.
	SyntaxLimits = syntax.Limits
	// Program is a compiled script.
	Program = engine.Program
	// Env is what a run knows of the world outside the message.
	Env = engine.Env
	// Mailboxes tells a run about mailboxes.
	Mailboxes = engine.Mailboxes
	// Metadata reads annotations for a run.
	Metadata = engine.Metadata
	// Programs runs programs for a run.
	Programs = engine.Programs
	// Source gives the scripts that others include, to the compiler.
	Source = engine.Source
	// Scripts gives those that are known at run time alone.
	Scripts = engine.Scripts
	// Location says whose scripts an included script is one of.
	Location = engine.Location
	// ProgramCall asks for a program to be run.
	ProgramCall = engine.ProgramCall
	// ProgramKind tells which command asks for a program.
	ProgramKind = engine.ProgramKind
	// Result is what a script asks for.
	Result = engine.Result
	// RunError is a runtime error.
	RunError = engine.RunError
	// Decided names the rule that decided.
	Decided = engine.Decided
	// Event is one step of a traced run.
	Event = engine.Event
	// EventKind tells what an Event is about.
	EventKind = engine.EventKind
	// Pos is a place in a script.
	Pos = syntax.Pos
	// Diagnostic is a finding about a script.
	Diagnostic = syntax.Diagnostic
	// Diagnostics are findings in order.
	Diagnostics = syntax.Diagnostics
	// Severity of a Diagnostic.
	Severity = syntax.Severity
)

// The severities of a Diagnostic.
const (
	SeverityError   = syntax.Error
	SeverityWarning = syntax.Warning
	SeverityInfo    = syntax.Info
)

// The locations of included scripts.
const (
	Personal = engine.Personal
	Global   = engine.Global
)

// The errors of Source and Scripts.
var (
	ErrNoScript = engine.ErrNoScript
	ErrAtRun    = engine.ErrAtRun
)

// The kinds of programs.
const (
	ProgramPipe    = engine.ProgramPipe
	ProgramFilter  = engine.ProgramFilter
	ProgramExecute = engine.ProgramExecute
)

// The kinds of events.
const (
	EventCommand = engine.EventCommand
	EventMatch   = engine.EventMatch
	EventTest    = engine.EventTest
	EventAction  = engine.EventAction
	EventEdit    = engine.EventEdit
)

// ErrNoProgram says that there is no program of that name.
var ErrNoProgram = engine.ErrNoProgram

// New makes an engine. The error tells of bad settings, each of them; the engine
// is usable then too, on the defaults of those.
func New(o Options) (*Engine, error) { return engine.New(o) }
