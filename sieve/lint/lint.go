// Package lint finds what is doubtful in Sieve scripts, and says how what is
// wrong could be mended.
//
// A Finding is an error or warning of the compiler, or a warning of a rule. Rules
// look at the tree of a script that has been parsed; they are the rows of the
// table in rules.go, each on its own. What names exist, and which capability they
// come with, the rules and hints learn from the engine, so that a new extension
// needs no change here.
package lint

import (
	"cmp"
	"slices"
	"strings"

	"dovetail/sieve"
	"dovetail/sieve/internal/syntax"
)

// Finding is something found in a script.
type Finding struct {
	sieve.Diagnostic
	Rule string // that found it; "" for the compiler
	Hint string // how it could be mended, in a few words; may be empty
	Line string // of the script, where there is a place
}

// Options say what is known beside a script.
type Options struct {
	Global bool // it is one of the site
	// Source gives the scripts that it includes, which are looked at, too; nil for none.
	Source sieve.Source
	// Mailboxes are those that the user has; nil when nothing is known of them.
	Mailboxes []string
	// AutoCreate tells that a missing mailbox is made (lda_mailbox_autocreate).
	AutoCreate bool
	// NoWarnings leaves the warnings out.
	NoWarnings bool
}

// Script compiles a script and gives all that is found in it, and then in those
// that it includes, in the order of inclusion and each once: in the order of the
// script, with what has no place at the end.
func Script(e *sieve.Engine, name string, src []byte, o Options) []Finding {
	f := &family{source: o.Source, found: map[scriptKey]*included{}}
	tree, parsed := syntax.Parse(name, src, e.Limits().Syntax)
	_, diags := e.CompileTree(name, tree, parsed, o.Global, f)
	f.passes = []*pass{newPass(e, f, name, src, tree, o)}
	f.addPasses(e, o)
	for _, d := range diags {
		p := f.passOf(d.Script)
		d.Script = p.name
		if !slices.ContainsFunc(p.findings, func(f Finding) bool { return f.Diagnostic == d }) { // in a circle they come twice
			p.findings = append(p.findings, Finding{Diagnostic: d, Hint: p.hint(d)})
		}
	}
	var all []Finding
	for _, p := range f.passes {
		if !o.NoWarnings {
			p.apply(!HasErrors(p.findings))
		}
		all = append(all, p.inOrder()...)
	}
	return all
}

// inOrder gives the findings in the order of the script, with their lines.
func (p *pass) inOrder() []Finding {
	if p.options.NoWarnings {
		p.findings = slices.DeleteFunc(p.findings, func(f Finding) bool { return f.Severity != sieve.SeverityError })
	}
	slices.SortStableFunc(p.findings, func(a, b Finding) int {
		if a.Pos.IsValid() != b.Pos.IsValid() {
			return cmp.Compare(b.Pos.Line, a.Pos.Line)
		}
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	for i := range p.findings {
		if f := &p.findings[i]; f.Script == p.name && f.Pos.IsValid() && f.Pos.Line <= len(p.lines) {
			f.Line = p.lines[f.Pos.Line-1]
		}
	}
	return p.findings
}

// HasErrors tells whether one of the findings is an error.
func HasErrors(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == sieve.SeverityError })
}

// pass is the work on one script.
type pass struct {
	engine   *sieve.Engine
	family   *family
	words    vocabulary
	options  Options
	name     string
	src      string
	lines    []string
	starts   []int // of the lines in src
	tree     []*syntax.Node
	required map[string]syntax.Arg // capabilities, and where they are required first
	findings []Finding
	sorted   use        // that the rules are looking at
	shared   *globalUse // nil until it is asked for
	walked   bool       // stopping is known, or being found out
	stopping bool       // it stops all scripts whenever it runs
}

func newPass(e *sieve.Engine, f *family, name string, src []byte, tree []*syntax.Node, o Options) *pass {
	p := &pass{
		engine: e, family: f, words: newVocabulary(e), options: o, name: name, tree: tree,
		src: string(src), lines: strings.Split(string(src), "\n"), required: map[string]syntax.Arg{},
	}
	at := 0
	for _, line := range p.lines {
		p.starts = append(p.starts, at)
		at += len(line) + 1
	}
	for n := range nodes(tree) {
		if n.Name != "require" && n.Name != "ihave" {
			continue
		}
		for _, a := range n.Args {
			for _, s := range stringsOf(a) {
				if _, ok := p.required[s.Str]; !ok {
					p.required[s.Str] = s
				}
			}
		}
	}
	return p
}

// warn adds a warning of a rule.
func (p *pass) warn(rule string, pos syntax.Pos, text, hint string) {
	p.findings = append(p.findings, Finding{
		Diagnostic: sieve.Diagnostic{Script: p.name, Pos: pos, Severity: sieve.SeverityWarning, Text: text},
		Rule:       rule, Hint: hint,
	})
}

// requires tells whether one of the capabilities is required anywhere.
func (p *pass) requires(capabilities ...string) bool {
	return slices.ContainsFunc(capabilities, func(c string) bool { _, ok := p.required[c]; return ok })
}

// constant tells whether a string has the same value in every run, as written.
func (p *pass) constant(s string) bool {
	return !strings.Contains(s, "${") || !p.requires("variables", "encoded-character")
}
