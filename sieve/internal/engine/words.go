package engine

import (
	"cmp"
	"slices"
)

// WordKind is a kind of names that scripts use.
type WordKind int

// The kinds of names.
const (
	WordCapability WordKind = iota
	WordCommand
	WordTest
	WordTag
	WordComparator
	WordNamespace // of variables
	WordItem      // of the environment test; one that ends with "." stands for all that begin so
)

// Word is a name that a script can use, for tools that help to write scripts.
type Word struct {
	Kind       WordKind
	Name       string
	Capability string   // that it comes with; "" for what is always there
	On         []string // of a tag: the commands and tests that take it
	Value      bool     // of a tag: it takes a value
	Block      bool     // of a command: it takes a block
	Implies    []string // of a capability: those that come with it
	Acts       bool     // of a capability: requiring it does something
}

// Words gives all names that any script could use, enabled or not.
func (e *Engine) Words() []Word {
	all := slices.Clone(e.base)
	for _, x := range e.known {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b *Extension) int { return cmp.Compare(a.Name, b.Name) })
	w := wordList{all: all}
	matching := w.commands(func(c *Command) bool { return c.Match })
	w.words = append(w.words, Word{Kind: WordTag, Name: comparatorTag.Name, On: matching, Value: true})
	for _, x := range all {
		w.extension(x)
	}
	return w.words
}

type wordList struct {
	all   []*Extension
	words []Word
}

func (w *wordList) add(x *Extension, word Word) {
	if !x.Base {
		word.Capability = x.Name
	}
	w.words = append(w.words, word)
}

func (w *wordList) extension(x *Extension) {
	if x.Name != "" {
		w.add(x, Word{Kind: WordCapability, Name: x.Name, Implies: x.Implies, Acts: x.Start != nil})
	}
	for _, cmd := range x.Commands {
		if cmd.Op != nil {
			w.add(x, Word{Kind: WordCommand, Name: cmd.Name, Block: cmd.Block})
		}
		if cmd.Test != nil {
			w.add(x, Word{Kind: WordTest, Name: cmd.Name})
		}
		for _, t := range cmd.Tags {
			w.add(x, Word{Kind: WordTag, Name: t.Name, On: []string{cmd.Name}, Value: t.Param != nil})
		}
	}
	for _, t := range x.Tags {
		on := slices.Concat(t.On, w.commands(func(c *Command) bool { return slices.Contains(c.Takes, t.Name) }))
		w.add(x, Word{Kind: WordTag, Name: t.Name, On: on, Value: t.Param != nil})
	}
	for _, m := range x.MatchTypes {
		w.add(x, Word{Kind: WordTag, Name: m.Name, On: w.commands(func(c *Command) bool { return c.Match }), Value: m.Param != nil})
	}
	for _, p := range x.AddressParts {
		w.add(x, Word{Kind: WordTag, Name: p.Name, On: w.commands(func(c *Command) bool { return c.AddressPart })})
	}
	for _, m := range x.Modifiers {
		w.add(x, Word{Kind: WordTag, Name: m.Name, On: w.commands(func(c *Command) bool { return c.Modifiers })})
	}
	for _, c := range x.Comparators {
		w.add(x, Word{Kind: WordComparator, Name: c.Name})
	}
	for _, n := range x.Namespaces {
		w.add(x, Word{Kind: WordNamespace, Name: n.Name})
	}
	for _, i := range x.EnvItems {
		w.add(x, Word{Kind: WordItem, Name: i.Name})
	}
}

// commands gives the names of the commands and tests that are as wanted.
func (w *wordList) commands(wanted func(*Command) bool) []string {
	var names []string
	for _, x := range w.all {
		for i := range x.Commands {
			if wanted(&x.Commands[i]) {
				names = append(names, x.Commands[i].Name)
			}
		}
	}
	return names
}

// Permission tells whether scripts may require a capability.
type Permission int

// The permissions.
const (
	Allowed    Permission = iota
	GlobalOnly            // only those of the site (sieve_global_extensions)
	Disabled              // known, but in neither list
	Unknown
)

// Permission tells who may require a capability.
func (e *Engine) Permission(capability string) Permission {
	switch {
	case e.known[capability] == nil:
		return Unknown
	case e.exts[capability] == nil:
		return Disabled
	case e.global[capability]:
		return GlobalOnly
	}
	return Allowed
}

// Limits gives the limits in force.
func (e *Engine) Limits() Limits { return e.limits }
