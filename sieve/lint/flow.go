package lint

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/syntax"
)

func unreachable(p *pass, name string, block []*syntax.Node) {
	for i := range block[:max(0, len(block)-1)] {
		next := block[i+1]
		if p.ends(block, i, p.endsHere) {
			text := fmt.Sprintf("never reached: the %s in line %d ends the script here", block[i].Name, block[i].Pos.Line)
			switch block[i].Name {
			case "break":
				text = fmt.Sprintf("never reached: the break in line %d ends the loop here", block[i].Pos.Line)
			case "include":
				text = fmt.Sprintf("never reached: the script included in line %d always stops", block[i].Pos.Line)
			case "else":
				text = "never reached: all branches above end the script"
			}
			p.warn(name, next.Pos, text, "")
			return
		}
	}
}

func repeatedTest(p *pass, name string, block []*syntax.Node) {
	seen := map[string]int{}
	for i, n := range block {
		if n.Name != "elsif" {
			clear(seen)
		}
		alone := n.Name == "if" && (i+1 == len(block) || block[i+1].Name != "elsif")
		if n.Name != "if" && n.Name != "elsif" || len(n.Tests) != 1 || alone {
			continue
		}
		text := render(n.Tests[0])
		if line := seen[text]; line > 0 {
			p.warn(name, n.Tests[0].Pos, fmt.Sprintf("the same test as in line %d, which was false when this one is reached", line), "")
		} else {
			seen[text] = n.Pos.Line
		}
	}
}

// uselessDiscard finds discard where the same way through the script stores the
// message: discard only cancels the implicit keep (RFC 5228 section 4.4).
func uselessDiscard(p *pass, name string, block []*syntax.Node) {
	var stores, discards *syntax.Node
	for _, n := range block {
		switch {
		case p.storesAlone(n):
			stores = n
		case n.Name == "discard":
			discards = n
		default:
			continue
		}
		if stores != nil && discards != nil {
			p.warn(name, discards.Pos, fmt.Sprintf("discard does nothing here: the %s in line %d is carried out all the same", stores.Name, stores.Pos.Line), "")
			return
		}
	}
}

// storesAlone tells whether a command cancels the implicit keep as discard does.
func (p *pass) storesAlone(n *syntax.Node) bool {
	switch n.Name {
	case "keep":
		return true
	case "fileinto", "redirect":
		return !p.use(n).has("copy")
	}
	return false
}

// unusedRequire finds capabilities of which a script uses no word.
func unusedRequire(p *pass, name string) {
	for n := range nodes(p.tree) {
		if n.Name == "ihave" {
			return // what is required where depends on the site
		}
	}
	used := p.used()
	for _, n := range p.tree {
		if n.Name != "require" {
			continue
		}
		for _, a := range n.Args {
			for _, s := range stringsOf(a) {
				if p.unused(s.Str, used) {
					p.warn(name, s.Pos, fmt.Sprintf("%q is required and not used", s.Str), "leave it out")
				}
			}
		}
	}
}

func (p *pass) unused(capability string, used map[string]bool) bool {
	self, words := p.words.of(capability)
	if used[capability] || self.Acts || strings.HasPrefix(capability, "comparator-") {
		return false
	}
	for _, implied := range self.Implies {
		if used[implied] && !p.requires(implied) {
			return false
		}
	}
	// Of one without words it cannot be told; of these two the use is in strings.
	return len(words) > 0 || capability == "encoded-character"
}

// used gives the capabilities that something of the script comes with.
func (p *pass) used() map[string]bool {
	used := map[string]bool{}
	add := func(words []engine.Word) {
		for _, w := range words {
			used[w.Capability] = true
		}
	}
	for n := range nodes(p.tree) {
		if n.Name == "require" {
			continue
		}
		add(p.words.find(engine.WordCommand, n.Name))
		add(p.words.find(engine.WordTest, n.Name))
		if slices.Contains(globalCommands, n.Name) { // RFC 6609 section 3.4.1
			add([]engine.Word{{Capability: "variables"}})
		}
		for _, a := range n.Args {
			if a.Kind == syntax.Tag {
				add(p.words.tags(n.Name, a.Str))
			}
			for _, s := range stringsOf(a) {
				p.usedIn(n, s.Str, add)
			}
		}
	}
	return used
}

// usedIn finds what a string uses.
func (p *pass) usedIn(n *syntax.Node, s string, add func([]engine.Word)) {
	if strings.Contains(s, "${") {
		add([]engine.Word{{Capability: "variables"}})
		lower := strings.ToLower(s)
		if strings.Contains(lower, "${hex:") || strings.Contains(lower, "${unicode:") {
			add([]engine.Word{{Capability: "encoded-character"}})
		}
	}
	if n.Name != "environment" && !strings.Contains(s, "${") {
		return
	}
	for _, w := range p.words.all {
		switch {
		case w.Kind == engine.WordNamespace && strings.Contains(s, "${"+w.Name+"."):
			add([]engine.Word{w})
		case w.Kind == engine.WordItem && n.Name == "environment":
			prefix, open := strings.CutSuffix(w.Name, ".")
			if strings.EqualFold(s, w.Name) || open && strings.HasPrefix(strings.ToLower(s), prefix+".") {
				add([]engine.Word{w})
			}
		}
	}
}
