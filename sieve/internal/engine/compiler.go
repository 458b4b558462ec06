package engine

import (
	"errors"
	"fmt"
	"slices"

	"dovetail/sieve/internal/syntax"
)

// Compiler compiles one script.
type Compiler struct {
	engine *Engine
	name   string
	global bool
	diags  syntax.Diagnostics
	states []any

	source   Source    // of included scripts
	includer *Compiler // of the script that includes this one
	// Names are the variables of the script by their names in lower case.
	Names map[string]Variable

	loaded     []*Extension // in effect, in the order they came
	since      []int        // place in loaded, from 1, by Engine.index; 0: not in effect
	requiredAt map[*Extension]Pos
	implicit   []*Implicit
	passes     []*StringPass
	strPos     Pos             // of the string that passes look into
	unknown    map[string]bool // commands and tags reported once
	vars       int
	match      bool

	use     *MatchUse // the last one, see sharedUse
	sources []source  // of guarded tests
	slabs   *slabs
}

func (c *Compiler) configSlots() []any { return c.engine.configs }
func (c *Compiler) stateSlots() *[]any { return &c.states }

// Script gives the name of the script.
func (c *Compiler) Script() string { return c.name }

// Global tells whether the script is one of the site, not a user's.
func (c *Compiler) Global() bool { return c.global }

// Limits gives the engine's limits.
func (c *Compiler) Limits() Limits { return c.engine.limits }

// Errorf reports an error and gives the error that a compiling function
// returns to say that it has reported. Wrapping it again reports nothing twice.
func (c *Compiler) Errorf(pos Pos, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if !errors.Is(err, errReported) {
		c.report(pos, syntax.Error, err.Error())
	}
	return errReported
}

// Warnf reports a warning.
func (c *Compiler) Warnf(pos Pos, format string, args ...any) {
	c.report(pos, syntax.Warning, fmt.Sprintf(format, args...))
}

func (c *Compiler) report(pos Pos, s syntax.Severity, text string) {
	c.diags.Add(syntax.Diagnostic{Script: c.name, Pos: pos, Severity: s, Text: text})
}

// Has tells whether a capability is in effect at this place of the script.
func (c *Compiler) Has(capability string) bool {
	return slices.ContainsFunc(c.loaded, func(x *Extension) bool { return x.Name == capability })
}

// StringPos gives the position of the string that a StringPass is looking into.
func (c *Compiler) StringPos() Pos { return c.strPos }

// NewVariable reserves a variable of the script, empty at the start of each run.
func (c *Compiler) NewVariable() Variable {
	slot := c.vars
	c.vars++
	return Variable{
		Get: func(r *Run) string { return r.vars[slot] },
		Set: func(r *Run, v string) { r.vars[slot] = v },
	}
}

// Variable finds a variable to write to, by its name in the script. Without an
// extension that provides variables the error says so.
func (c *Compiler) Variable(name string) (Variable, error) {
	for _, x := range c.loaded {
		if x.Variables != nil {
			return x.Variables(c, name)
		}
	}
	return Variable{}, errors.New("the variables extension is not in effect")
}

// Namespace finds a namespace of variables among the extensions in effect.
func (c *Compiler) Namespace(name string) (Namespace, bool) {
	for _, x := range c.loaded {
		for _, n := range x.Namespaces {
			if n.Name == name {
				return n, true
			}
		}
	}
	return Namespace{}, false
}

// UseMatchVariables has the script's matches record match variables.
func (c *Compiler) UseMatchVariables() { c.match = true }

// load puts an extension into effect.
func (c *Compiler) load(x *Extension) {
	at := c.engine.index[x]
	if c.since[at] > 0 {
		return
	}
	c.loaded = append(c.loaded, x)
	c.since[at] = len(c.loaded)
	for i := range x.Implicit {
		c.implicit = append(c.implicit, &x.Implicit[i])
	}
	if x.Strings != nil {
		c.passes = append(c.passes, x.Strings)
		slices.SortStableFunc(c.passes, func(a, b *StringPass) int { return a.Order - b.Order })
	}
}

// Require puts a capability into effect, and those that it implies.
func (c *Compiler) Require(pos Pos, name string) error {
	x := c.engine.exts[name]
	if x == nil {
		if kind := c.baseCommand(name); kind != "" {
			return c.Errorf(pos, "require command: '%s' is not known as a Sieve capability, "+
				"but it is known as a Sieve %s that is always available", name, kind)
		}
		return c.Errorf(pos, "require command: unknown Sieve capability '%s'", name)
	}
	if c.engine.global[name] && !c.global {
		return c.Errorf(pos, "require command: failed to load Sieve capability '%s': "+
			"its use is restricted to global scripts", name)
	}
	for _, y := range c.loaded {
		if slices.Contains(y.Excludes, name) || slices.Contains(x.Excludes, y.Name) {
			return c.Errorf(pos, "require command: the %s extension cannot be used together with the %s extension", name, y.Name)
		}
	}
	for _, implied := range x.Implies {
		if y := c.engine.known[implied]; y != nil {
			c.load(y)
		}
	}
	c.load(x)
	c.requiredAt[x] = pos
	return nil
}

// CanRequire tells whether there is a capability that may be put into effect in
// the middle of a script: one that changes how strings are read may not. Require
// can still refuse it, beside another that excludes it.
func (c *Compiler) CanRequire(name string) bool {
	x := c.engine.exts[name]
	return c.Has(name) || x != nil && x.Strings == nil && (c.global || !c.engine.global[name])
}

// checkNeeds reports what extensions in effect lack.
func (c *Compiler) checkNeeds() {
	for _, x := range c.loaded {
		for _, name := range x.Needs {
			if !c.Has(name) {
				_ = c.Errorf(c.requiredAt[x], "the %s extension cannot be used without the %s extension", x.Name, name)
			}
		}
	}
}

// baseCommand tells what kind of thing the base language calls by this name.
func (c *Compiler) baseCommand(name string) string {
	for _, x := range c.engine.base {
		for i := range x.Commands {
			if x.Commands[i].Name == name {
				return (&Call{Command: &x.Commands[i]}).kindName()
			}
		}
	}
	return ""
}

// program compiles a whole script.
func (c *Compiler) program(script []*syntax.Node) *Program {
	c.unknown, c.requiredAt, c.Names = map[string]bool{}, map[*Extension]Pos{}, map[string]Variable{}
	c.since, c.slabs = make([]int, len(c.engine.index)), &slabs{}
	c.loaded = make([]*Extension, 0, len(c.engine.base)+8)
	for _, x := range c.engine.base {
		c.load(x)
	}
	p := &Program{Name: c.name, engine: c.engine}
	p.block = c.compileBlock(script, nil)
	c.checkNeeds()
	p.vars, p.match, p.set, p.sources = c.vars, c.match, c.loaded, c.sources
	return p
}
