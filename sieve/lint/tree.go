package lint

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"dovetail/sieve/internal/syntax"
)

// nodes gives all commands and tests of a tree, in the order of the script.
func nodes(tree []*syntax.Node) iter.Seq[*syntax.Node] {
	return func(yield func(*syntax.Node) bool) { visit(tree, yield) }
}

func visit(list []*syntax.Node, yield func(*syntax.Node) bool) bool {
	for _, n := range list {
		if !yield(n) || !visit(n.Tests, yield) || !visit(n.Block, yield) {
			return false
		}
	}
	return true
}

// stringsOf gives the strings of an argument.
func stringsOf(a syntax.Arg) []syntax.Arg {
	switch a.Kind {
	case syntax.String:
		return []syntax.Arg{a}
	case syntax.StringList:
		return a.List
	}
	return nil
}

// use is a command or test with its arguments sorted, without the values of its tags.
type use struct {
	*syntax.Node
	tags       []string
	positional []syntax.Arg
}

func (u *use) has(tag string) bool { return slices.Contains(u.tags, tag) }

// last gives the strings of the last positional argument.
func (u *use) last() []syntax.Arg {
	if len(u.positional) == 0 {
		return nil
	}
	return stringsOf(u.positional[len(u.positional)-1])
}

// use sorts the arguments of a node.
func (p *pass) use(n *syntax.Node) *use {
	u := &use{}
	p.sort(u, n)
	return u
}

// sort makes u the use that n is.
func (p *pass) sort(u *use, n *syntax.Node) {
	u.Node, u.tags, u.positional = n, u.tags[:0], u.positional[:0]
	for i := 0; i < len(n.Args); i++ {
		a := n.Args[i]
		if a.Kind != syntax.Tag {
			u.positional = append(u.positional, a)
			continue
		}
		u.tags = append(u.tags, a.Str)
		if p.words.tagHasValue(n.Name, a.Str) {
			i++
		}
	}
}

// render gives a text that is equal for equal tests.
func render(n *syntax.Node) string {
	var b strings.Builder
	b.WriteString(n.Name)
	for _, a := range n.Args {
		fmt.Fprintf(&b, " %d %q %d", a.Kind, a.Str, a.Num)
		for _, s := range a.List {
			fmt.Fprintf(&b, " %q", s.Str)
		}
	}
	for _, t := range n.Tests {
		b.WriteString("(" + render(t) + ")")
	}
	return b.String()
}

// truth tells the value of a test that has the same one for every message.
func truth(n *syntax.Node) (value, known bool) {
	switch n.Name {
	case "true", "false":
		return n.Name == "true", true
	case "not":
		if len(n.Tests) == 1 {
			value, known = truth(n.Tests[0])
			return !value, known
		}
	case "allof", "anyof":
		// One test of this value decides; all of the other value do, too.
		decides := n.Name == "anyof"
		all := len(n.Tests) > 0
		for _, t := range n.Tests {
			value, known := truth(t)
			if known && value == decides {
				return decides, true
			}
			all = all && known
		}
		return !decides, all
	}
	return false, false
}

// ends tells whether the i-th command of a block ends it in any case: by itself, or
// each branch of the if that it is the else of does. by tells which commands do.
func (p *pass) ends(block []*syntax.Node, i int, by func(*syntax.Node) bool) bool {
	n := block[i]
	switch n.Name {
	case "if", "elsif", "else":
	default:
		return by(n)
	}
	for ; i >= 0; i-- {
		if !p.endsBlock(block[i].Block, by) {
			return false
		}
		if block[i].Name == "if" {
			return n.Name == "else"
		}
	}
	return false
}

func (p *pass) endsBlock(block []*syntax.Node, by func(*syntax.Node) bool) bool {
	for i := range block {
		if p.ends(block, i, by) {
			return true
		}
	}
	return false
}
