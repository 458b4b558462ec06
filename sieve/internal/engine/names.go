package engine

// names finds what extensions contribute by its name. An engine has one; which
// of it is in effect differs from script to script, see Compiler.load.
type names struct {
	commands    offers[string, Command]
	tags        offers[tagKey, Tag]
	tagsByName  offers[string, Tag] // whatever command they are for
	matchTypes  offers[string, ownTag[MatchType]]
	comparators offers[string, Comparator]
	parts       offers[string, ownTag[AddressPart]]
	modifiers   offers[string, Modifier]
}

// offers are the things of one kind by name: several where extensions share a name.
type offers[K comparable, T any] map[K][]offer[T]

// offer is one of them, and the place of its extension in the engine.
type offer[T any] struct {
	by   int
	what *T
}

// ownTag is something of the engine's that is written as a tag.
type ownTag[T any] struct {
	tag  Tag
	what *T
}

func (o offers[K, T]) add(key K, by int, what *T) { o[key] = append(o[key], offer[T]{by, what}) }

// newNames collects the names of extensions.
func newNames(all []*Extension) *names {
	n := &names{
		commands: offers[string, Command]{}, tags: offers[tagKey, Tag]{}, tagsByName: offers[string, Tag]{},
		matchTypes: offers[string, ownTag[MatchType]]{}, comparators: offers[string, Comparator]{},
		parts: offers[string, ownTag[AddressPart]]{}, modifiers: offers[string, Modifier]{},
	}
	for by, x := range all {
		n.add(by, x)
	}
	return n
}

func (n *names) add(by int, x *Extension) {
	for i := range x.Commands {
		n.commands.add(x.Commands[i].Name, by, &x.Commands[i])
	}
	for i := range x.Tags {
		t := &x.Tags[i]
		n.tagsByName.add(t.Name, by, t)
		for _, on := range t.On {
			n.tags.add(tagKey{on, t.Name}, by, t)
		}
	}
	for i := range x.MatchTypes {
		m := &x.MatchTypes[i]
		n.matchTypes.add(m.Name, by, &ownTag[MatchType]{Tag{Name: m.Name, Group: groupMatch, Param: m.Param}, m})
	}
	for i := range x.Comparators {
		n.comparators.add(x.Comparators[i].Name, by, &x.Comparators[i])
	}
	for i := range x.AddressParts {
		p := &x.AddressParts[i]
		n.parts.add(p.Name, by, &ownTag[AddressPart]{Tag{Name: p.Name, Group: groupPart}, p})
	}
	for i := range x.Modifiers {
		n.modifiers.add(x.Modifiers[i].Name, by, &x.Modifiers[i])
	}
}

// inEffect gives the thing of a name that is in effect: of several, the one
// whose extension came last. nil when there is none.
func inEffect[K comparable, T any](c *Compiler, in offers[K, T], key K) *T {
	var found *T
	latest := 0
	for _, o := range in[key] {
		if at := c.since[o.by]; at > 0 && at >= latest {
			found, latest = o.what, at
		}
	}
	return found
}

func (c *Compiler) commandNamed(name string) *Command {
	return inEffect(c, c.engine.names.commands, name)
}

// tagOn finds a tag that stands on a command of another extension.
func (c *Compiler) tagOn(command, name string) *Tag {
	return inEffect(c, c.engine.names.tags, tagKey{command, name})
}

func (c *Compiler) tagNamed(name string) *Tag { return inEffect(c, c.engine.names.tagsByName, name) }

func (c *Compiler) matchTypeNamed(name string) *MatchType {
	if t := inEffect(c, c.engine.names.matchTypes, name); t != nil {
		return t.what
	}
	return nil
}

func (c *Compiler) partNamed(name string) *AddressPart {
	if t := inEffect(c, c.engine.names.parts, name); t != nil {
		return t.what
	}
	return nil
}

func (c *Compiler) comparatorNamed(name string) *Comparator {
	return inEffect(c, c.engine.names.comparators, name)
}

func (c *Compiler) modifierNamed(name string) *Modifier {
	return inEffect(c, c.engine.names.modifiers, name)
}
