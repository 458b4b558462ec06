package engine

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"dovetail/sieve/internal/syntax"
)

// Location says whose scripts an included script is one of (RFC 6609 section 3.2).
type Location string

// The locations of scripts.
const (
	Personal Location = "personal"
	Global   Location = "global"
)

// Source gives the text of scripts that others include, while these are compiled.
type Source interface {
	// Script gives a script by its name, which is a valid one (ValidScriptName), and
	// what findings call it: its name, or its file. The error wraps ErrNoScript when
	// there is none, and ErrAtRun when it cannot be known before a run: a script of
	// the site includes one of the user's.
	Script(at Location, name string) (file string, src []byte, err error)
}

// Scripts gives compiled scripts to a run, for what Source left open. The error
// wraps ErrNoScript when there is none.
type Scripts interface {
	Program(ctx context.Context, at Location, name string) (*Program, error)
}

// The errors of Source and Scripts.
var (
	ErrNoScript = errors.New("there is no such script")
	ErrAtRun    = errors.New("the script is known when the including one runs")
)

// ErrReturn ends a program that another one includes, and this one goes on; as
// the end of a whole script it is like ErrStop (RFC 6609 section 3.3).
var ErrReturn = errors.New("return")

// CompileFrom compiles a script like Compile; from gives those that it includes,
// nil when there are none.
func (e *Engine) CompileFrom(name string, src []byte, global bool, from Source) (*Program, syntax.Diagnostics) {
	m := e.trees.Get().(*syntax.Memory)
	defer e.trees.Put(m)
	defer m.Reset() // a program keeps nothing of its tree
	script, found := m.Parse(name, src, e.limits.Syntax)
	return e.CompileTree(name, script, found, global, from)
}

// CompileTree compiles a script that was parsed already, with the engine's limits:
// what syntax.Parse gave.
func (e *Engine) CompileTree(name string, script []*syntax.Node, found syntax.Diagnostics, global bool, from Source) (*Program, syntax.Diagnostics) {
	c := &Compiler{engine: e, name: name, global: global, source: from, diags: found}
	p := c.compile(script)
	if p == nil {
		what := "validation failed"
		if script == nil {
			what = "parse failed"
		}
		if len(c.diags) >= syntax.MaxFindings {
			what += fmt.Sprintf("; only the first %d findings are told", syntax.MaxFindings)
		}
		c.diags = append(c.diags, syntax.Diagnostic{Script: name, Severity: syntax.Error, Text: what})
	}
	return p, c.diags
}

// compile compiles the compiler's script; the Program is nil when there is an
// error, as that it could not be parsed.
func (c *Compiler) compile(script []*syntax.Node) *Program {
	if script == nil {
		return nil
	}
	defer c.finish()
	p := c.program(script)
	if c.diags.HasErrors() {
		return nil
	}
	return p
}

// finish lets go of what only compiling needs, since closures keep calls and
// these their compiler.
func (c *Compiler) finish() {
	*c = Compiler{engine: c.engine, name: c.name, global: c.global, diags: c.diags, loaded: c.loaded}
}

// Source gives where included scripts come from; nil when there are none.
func (c *Compiler) Source() Source { return c.source }

// Outermost gives the compiler of the script that includes this one, over others
// or not, and that nobody includes; and how many includes are between them.
func (c *Compiler) Outermost() (outer *Compiler, depth int) {
	for ; c.includer != nil; c = c.includer {
		depth++
	}
	return c, depth
}

// Include compiles a script that this one includes. Its findings, under that name,
// join those of this one; the Program is nil when there is an error among them.
func (c *Compiler) Include(name string, src []byte, global bool) *Program {
	script, found := syntax.Parse(name, src, c.engine.limits.Syntax)
	sub := &Compiler{engine: c.engine, name: name, global: global, source: c.source, includer: c, diags: found}
	p := sub.compile(script)
	for _, d := range sub.diags {
		c.diags.Add(d)
	}
	return p
}

// Include runs an included program as a part of this run: it has variables and
// extensions of its own; what it asks for, flags, edits and States are the run's.
func (r *Run) Include(p *Program) error {
	program, vars, captured, pos, seen := r.program, r.vars, r.captured, r.pos, r.seen
	r.program, r.vars, r.captured, r.seen = p, make([]string, p.vars), nil, nil
	r.depth++
	err := r.start()
	if err == nil {
		err = p.block.Run(r)
	}
	r.depth--
	r.program, r.vars, r.captured, r.pos, r.seen = program, vars, captured, pos, seen
	if errors.Is(err, ErrReturn) {
		return nil
	}
	return err
}

// Depth gives how many programs include the one that runs.
func (r *Run) Depth() int { return r.depth }

// ValidScriptName tells whether name is one for a script (RFC 5804 section 1.6):
// up to 256 characters, none of them a control character, a line or paragraph
// separator, or "/", which would lead out of the folder of scripts.
func ValidScriptName(name string) bool {
	n := 0
	for _, r := range name {
		if n++; r < ' ' || r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029 || r == '/' || r == utf8.RuneError {
			return false
		}
	}
	return n > 0 && n <= 256 && name != "." && name != ".."
}
