package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dovetail/sieve/internal/syntax"
)

// globalUse is what a script does with the variables that scripts share (RFC 6609
// section 3.4), by their names in lower case.
type globalUse struct {
	declared  []syntax.Arg // in the order of the script, each name once
	read, set map[string]bool
}

// globalCommands declare global variables; two of them are of drafts before the RFC.
var globalCommands = []string{"global", "import", "export"}

// globals finds what a script does with global variables. A string that is the
// name of one may be what a command sets or tests: it counts as both.
func (p *pass) globals() *globalUse {
	if p.shared != nil {
		return p.shared
	}
	g := &globalUse{read: map[string]bool{}, set: map[string]bool{}}
	p.shared = g
	mine := map[string]bool{}
	for n := range nodes(p.tree) {
		if slices.Contains(globalCommands, n.Name) {
			for _, a := range n.Args {
				for _, s := range stringsOf(a) {
					if name := strings.ToLower(s.Str); !mine[name] {
						mine[name] = true
						g.declared = append(g.declared, s)
					}
				}
			}
			continue
		}
		for i, a := range n.Args {
			for _, s := range stringsOf(a) {
				g.note(n, i, strings.ToLower(s.Str), mine)
			}
		}
	}
	return g
}

// note notes what a string, in lower case, does with global variables.
func (g *globalUse) note(n *syntax.Node, arg int, s string, mine map[string]bool) {
	name, shared := strings.CutPrefix(s, "global.")
	value := n.Name == "set" && arg == len(n.Args)-1
	if !value && (shared || mine[name]) {
		g.set[name] = true
		if n.Name != "set" {
			g.read[name] = true
		}
	}
	for _, part := range strings.Split(s, "${")[1:] {
		name, _, _ := strings.Cut(part, "}")
		if name, shared = strings.CutPrefix(name, "global."); shared || mine[name] {
			g.read[name] = true
		}
	}
}

// globals puts together what all scripts do.
func (f *family) globals() *globalUse {
	if f.shared == nil {
		f.shared = &globalUse{read: map[string]bool{}, set: map[string]bool{}}
		for _, p := range f.passes {
			maps.Copy(f.shared.read, p.globals().read)
			maps.Copy(f.shared.set, p.globals().set)
		}
	}
	return f.shared
}

// globalVariable finds global variables that are declared and not used, and those
// of a family of scripts that lack one who sets or one who reads them.
func globalVariable(p *pass, name string) {
	g := p.globals()
	if len(g.declared) == 0 {
		return
	}
	all := p.family.globals()
	// What a script alone does may be meant for one that includes it.
	whole := len(p.family.passes) > 1 && p.family.known()
	for _, d := range g.declared {
		key := strings.ToLower(d.Str)
		switch {
		case !g.read[key] && !g.set[key]:
			p.warn(name, d.Pos, fmt.Sprintf("global variable %q is not used in this script", d.Str), "leave it out")
		case whole && !all.set[key]:
			p.warn(name, d.Pos, fmt.Sprintf("global variable %q is set by none of the scripts", d.Str), variableMeant(key, all.set))
		case whole && !all.read[key]:
			p.warn(name, d.Pos, fmt.Sprintf("global variable %q is read by none of the scripts", d.Str), variableMeant(key, all.read))
		}
	}
}

// variableMeant names the variable that may be meant.
func variableMeant(name string, among map[string]bool) string {
	return didYouMean(name, slices.Sorted(maps.Keys(among)))
}
