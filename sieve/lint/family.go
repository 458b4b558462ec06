package lint

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"dovetail/sieve"
	"dovetail/sieve/internal/syntax"
)

// family is a script and those that it includes (RFC 6609), whoever of them does.
// It is the Source of the compiler, and so knows what was read.
type family struct {
	source sieve.Source
	found  map[scriptKey]*included
	order  []*included
	passes []*pass    // over the script, and over each included one
	shared *globalUse // of all of them; nil until it is asked for
}

// scriptKey names a script as include does.
type scriptKey struct {
	at   sieve.Location
	name string
}

// included is what the Source said of a script.
type included struct {
	file   string
	src    []byte
	err    error
	global bool
	pass   *pass // nil where there is none
}

// Script is sieve.Source's.
func (f *family) Script(at sieve.Location, name string) (file string, src []byte, err error) {
	if f.source == nil {
		return name, nil, sieve.ErrNoScript
	}
	file, src, err = f.source.Script(at, name)
	key := scriptKey{at, name}
	if f.found[key] == nil {
		f.found[key] = &included{file: file, src: src, err: err, global: at == sieve.Global}
		f.order = append(f.order, f.found[key])
	}
	return file, src, err
}

// addPasses makes a pass for each included script. One that includes itself, over
// others, has its pass already.
func (f *family) addPasses(e *sieve.Engine, o Options) {
	for _, s := range f.order {
		if s.err != nil {
			continue
		}
		i := slices.IndexFunc(f.passes, func(p *pass) bool { return filepath.Clean(p.name) == filepath.Clean(s.file) })
		if i < 0 {
			i = len(f.passes)
			o.Global = s.global
			tree, _ := syntax.Parse(s.file, s.src, e.Limits().Syntax)
			f.passes = append(f.passes, newPass(e, f, s.file, s.src, tree, o))
		}
		s.pass = f.passes[i]
	}
}

// passOf gives the pass of the script that findings call name.
func (f *family) passOf(name string) *pass {
	for _, p := range f.passes {
		if p.name == name {
			return p
		}
	}
	return f.passes[0]
}

// included gives what is known of the script that a command includes; nil when it
// was not asked for.
func (p *pass) included(n *syntax.Node) *included {
	u := p.use(n)
	if n.Name != "include" || n.IsTest || len(u.last()) != 1 {
		return nil
	}
	key := scriptKey{sieve.Personal, strings.TrimSuffix(u.last()[0].Str, ".sieve")}
	if u.has("global") {
		key.at = sieve.Global
	}
	return p.family.found[key]
}

// requires tells whether one of the scripts requires one of the capabilities.
func (f *family) requires(capabilities ...string) bool {
	return slices.ContainsFunc(f.passes, func(p *pass) bool { return p.requires(capabilities...) })
}

// known tells whether all scripts are there that a run would include.
func (f *family) known() bool {
	for _, s := range f.order {
		if s.err != nil && !errors.Is(s.err, sieve.ErrNoScript) {
			return false
		}
	}
	return true
}

// stops tells whether a script ends all, and not just itself, each time it runs.
func (p *pass) stops() bool {
	if p.walked {
		return p.stopping // false while it is found out: a circle
	}
	p.walked = true
	for i, n := range p.tree {
		if mayReturn(n) {
			break
		}
		if p.ends(p.tree, i, p.endsAll) {
			p.stopping = true
			break
		}
	}
	return p.stopping
}

// mayReturn tells whether a command, or one in its block, is return.
func mayReturn(n *syntax.Node) bool {
	return n.Name == "return" || slices.ContainsFunc(n.Block, mayReturn)
}

// endsAll tells whether a command ends the run of all scripts.
func (p *pass) endsAll(n *syntax.Node) bool {
	switch n.Name {
	case "stop", "error":
		return !n.IsTest
	case "include":
		// With :once it may be left out, as the script may be under way.
		s := p.included(n)
		return s != nil && s.pass != nil && !p.use(n).has("once") && s.pass.stops()
	}
	return false
}

// endsHere tells whether nothing behind a command in its block is reached.
func (p *pass) endsHere(n *syntax.Node) bool {
	return n.Name == "return" || n.Name == "break" || p.endsAll(n)
}
