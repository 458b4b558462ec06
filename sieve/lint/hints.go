package lint

import (
	"errors"
	"fmt"

	"dovetail/internal/spell"
	"dovetail/sieve"
	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/syntax"
)

// hint says how an error could be mended, by what stands where it is: the name of
// a command, a tag, a capability or a comparator that is not in effect there.
func (p *pass) hint(d sieve.Diagnostic) string {
	if d.Severity != sieve.SeverityError || d.Script != p.name || !d.Pos.IsValid() {
		return ""
	}
	for n := range nodes(p.tree) {
		if n.Pos == d.Pos {
			return p.hintName(n)
		}
		for i, a := range n.Args {
			switch {
			case a.Kind == syntax.Tag && a.Pos == d.Pos:
				return p.hintTag(n, a.Str)
			case a.Kind == syntax.String && a.Pos == d.Pos && i > 0 && n.Args[i-1].Kind == syntax.Tag && n.Args[i-1].Str == "comparator":
				return p.hintComparator(a.Str)
			}
			for _, s := range stringsOf(a) {
				if s.Pos == d.Pos && n.Name == "require" {
					return p.hintCapability(s.Str)
				}
			}
		}
	}
	return ""
}

// hintName is about the name of a command or test.
func (p *pass) hintName(n *syntax.Node) string {
	kind, other := engine.WordCommand, engine.WordTest
	if n.IsTest {
		kind, other = other, kind
	}
	words := p.words.find(kind, n.Name)
	switch {
	case len(words) > 0 && !p.inEffect(words):
		return p.needs(words)
	case n.Name == "include" && p.included(n) != nil && errors.Is(p.included(n).err, sieve.ErrNoScript):
		return fmt.Sprintf("looked for as %s", p.included(n).file)
	case len(words) > 0 || len(p.words.find(other, n.Name)) > 0:
		return "" // the error is about something else
	}
	return didYouMean(n.Name, p.words.names(kind))
}

// hintTag is about a tag.
func (p *pass) hintTag(n *syntax.Node, tag string) string {
	words := p.words.tags(n.Name, tag)
	switch {
	case len(words) > 0 && !p.inEffect(words):
		return p.needs(words)
	case len(words) > 0:
		return ""
	}
	var names []string
	for _, w := range p.words.tags(n.Name, "") {
		names = append(names, w.Name)
	}
	if best := spell.Nearest(tag, names); best != "" {
		return didYouMean(tag, names)
	}
	if all := p.words.find(engine.WordTag, tag); len(all) > 0 {
		return fmt.Sprintf("%s does not take :%s", n.Name, tag)
	}
	return ""
}

func (p *pass) hintComparator(name string) string {
	words := p.words.find(engine.WordComparator, name)
	if len(words) > 0 && !p.inEffect(words) {
		return p.needs(words)
	}
	return didYouMean(name, p.words.names(engine.WordComparator))
}

// hintCapability is about a capability that cannot be required.
func (p *pass) hintCapability(name string) string {
	switch p.engine.Permission(name) {
	case engine.GlobalOnly:
		if p.options.Global {
			return ""
		}
		return fmt.Sprintf("sieve_global_extensions keeps it for the site's scripts (sieve check --global); "+
			"to allow it to users take it out there and add +%s to sieve_extensions", name)
	case engine.Disabled:
		return fmt.Sprintf("to allow it add +%s to sieve_extensions, or for the site's scripts alone to sieve_global_extensions", name)
	case engine.Unknown:
		if len(p.words.find(engine.WordCommand, name))+len(p.words.find(engine.WordTest, name)) > 0 {
			if words := append(p.words.find(engine.WordCommand, name), p.words.find(engine.WordTest, name)...); !p.inEffect(words) {
				return p.needs(words)
			}
			return "leave it out"
		}
		return didYouMean(name, p.words.names(engine.WordCapability))
	}
	return ""
}

// inEffect tells whether one of the words needs no capability, or has it.
func (p *pass) inEffect(words []engine.Word) bool {
	for _, w := range words {
		if w.Capability == "" || p.requires(w.Capability) {
			return true
		}
	}
	return false
}

// needs says what has to be required, and whether it may be.
func (p *pass) needs(words []engine.Word) string {
	hint := "needs require " + capabilities(words)
	for _, w := range words {
		if permission := p.engine.Permission(w.Capability); permission == engine.Allowed || permission == engine.GlobalOnly && p.options.Global {
			return hint
		}
	}
	return hint + "; " + p.hintCapability(words[0].Capability)
}

func didYouMean(word string, words []string) string {
	if best := spell.Nearest(word, words); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return ""
}
