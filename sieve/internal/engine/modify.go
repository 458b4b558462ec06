package engine

import (
	"slices"
)

// Modify gives the function that applies the modifiers used on this call, in
// the order of their precedence (RFC 5229 section 4.1); its command has Modifiers set.
func (call *Call) Modify() func(r *Run, value string) string {
	var used []*Modifier
	for _, t := range call.tags() {
		if m := call.modifierNamed(t.Tag.Name); m != nil {
			used = append(used, m)
		}
	}
	slices.SortFunc(used, func(a, b *Modifier) int { return b.Precedence - a.Precedence })
	return func(r *Run, value string) string {
		for _, m := range used {
			value = m.Apply(r, value)
		}
		return value
	}
}

// AddressPart gives the part of an address that this call compares; its command
// has AddressPart set. Counting counts the addresses, whatever part is asked for.
func (call *Call) AddressPart() *AddressPart {
	if call.match != nil && call.match.UsesCount() {
		return call.partNamed("all")
	}
	return call.part
}

// EnvelopePart finds a part of the envelope among the extensions in effect, by
// its name in any case; nil when there is none.
func (c *Compiler) EnvelopePart(name string) *EnvelopePart { return envelopePart(c.loaded, name) }

// EnvelopePart does so at run time.
func (r *Run) EnvelopePart(name string) *EnvelopePart { return envelopePart(r.program.set, name) }

func envelopePart(loaded []*Extension, name string) *EnvelopePart {
	for _, x := range loaded {
		for i := range x.EnvelopeParts {
			if EqualASCII(x.EnvelopeParts[i].Name, name) {
				return &x.EnvelopeParts[i]
			}
		}
	}
	return nil
}

// EnvItem gives an item of the environment known to the extensions in effect;
// false for one that nobody knows.
func (r *Run) EnvItem(name string) (string, bool) {
	for _, x := range r.program.set {
		for _, item := range x.EnvItems {
			if item.Name == name || len(item.Name) > 0 && item.Name[len(item.Name)-1] == '.' &&
				len(name) > len(item.Name) && name[:len(item.Name)] == item.Name {
				return item.Value(r, name)
			}
		}
	}
	return "", false
}
