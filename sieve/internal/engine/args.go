package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dovetail/sieve/internal/syntax"
)

// tagKey finds a tag of a command.
type tagKey struct{ command, tag string }

// Groups of tags that the engine itself provides.
const (
	groupMatch    = "MATCH-TYPE"
	groupPart     = "ADDRESS-PART"
	groupModifier = "MODIFIER" // with the precedence behind it
)

// findTag finds a tag that may stand on a call, among all that is in effect.
func (call *Call) findTag(name string) *Tag {
	cmd := call.Command
	for i := range cmd.Tags {
		if cmd.Tags[i].Name == name {
			return &cmd.Tags[i]
		}
	}
	if t := call.tagOn(cmd.Name, name); t != nil {
		return t
	}
	if slices.Contains(cmd.Takes, name) {
		if t := call.tagNamed(name); t != nil {
			return t
		}
	}
	if t := call.broughtTag(name); t != nil {
		return t
	}
	if cmd.Match {
		if name == comparatorTag.Name {
			return &comparatorTag
		}
		if t := inEffect(call.Compiler, call.engine.names.matchTypes, name); t != nil {
			return &t.tag
		}
	}
	if cmd.AddressPart {
		if t := inEffect(call.Compiler, call.engine.names.parts, name); t != nil {
			return &t.tag
		}
	}
	if cmd.Modifiers {
		if m := call.modifierNamed(name); m != nil {
			return &Tag{Name: name, Group: fmt.Sprint(groupModifier, m.Precedence)}
		}
	}
	return nil
}

// broughtTag finds a tag that may stand on a call because of another one there.
func (call *Call) broughtTag(name string) *Tag {
	for i := range call.node.Args {
		a := &call.node.Args[i]
		if a.Kind != syntax.Tag || a.Str == name {
			continue
		}
		if t := call.tagOn(call.Command.Name, a.Str); t != nil && slices.Contains(t.Brings, name) {
			if t := call.tagNamed(name); t != nil {
				return t
			}
		}
	}
	return nil
}

// comparatorTag is :comparator (RFC 5228 section 2.7.3).
var comparatorTag = Tag{
	Name:  "comparator",
	Param: &Param{Name: "comparator name", Kind: String, Const: true},
}

// takeTags checks the tags of a call and the number of its other arguments, and
// gives those. Only the first error of a call is reported.
func (call *Call) takeTags() ([]syntax.Arg, error) {
	args := call.node.Args
	var few [8]*Tag
	uses := append(few[:0], make([]*Tag, len(args))...)
	for i := range args {
		a := &args[i]
		if a.Kind != syntax.Tag {
			continue
		}
		if uses[i] = call.findTag(a.Str); uses[i] == nil {
			return nil, call.unknownTag(a)
		}
	}
	for len(args) > 0 && args[0].Kind == syntax.Tag {
		n, err := call.takeTag(args, uses[0])
		if err != nil {
			return nil, err
		}
		args, uses = args[n:], uses[n:]
	}
	for i := range args {
		if a := &args[i]; a.Kind == syntax.Tag {
			return nil, call.Errorf(a.Pos, "encountered an unexpected tagged argument ':%s' "+
				"while validating positional arguments for the %s", a.Str, call.describe())
		}
	}
	required, params := call.Command.required(), len(call.Command.Params)
	if len(args) < required || len(args) > params {
		return nil, call.Errorf(call.Pos, "the %s requires %d positional argument(s), but %d is/are specified",
			call.describe(), required, len(args))
	}
	return args, nil
}

// required counts the positional arguments that must be there.
func (cmd *Command) required() int {
	n := 0
	for i := range cmd.Params {
		if !cmd.Params[i].Optional {
			n++
		}
	}
	return n
}

// applyImplicit lets the extensions in effect add to the call.
func (call *Call) applyImplicit() error {
	for _, im := range call.implicit {
		if slices.Contains(im.On, call.Command.Name) {
			if err := im.Apply(call); err != nil {
				return call.Errorf(call.Pos, "%w", err)
			}
		}
	}
	return nil
}

// describe is what messages call a call: "fileinto command".
func (call *Call) describe() string { return call.Command.Name + " " + call.kindName() }

// unknownTag reports a tag once per script.
func (call *Call) unknownTag(a *syntax.Arg) error {
	key := call.Command.Name + " :" + a.Str
	if call.unknown[key] {
		return errReported
	}
	call.unknown[key] = true
	return call.Errorf(a.Pos, "unknown tagged argument ':%s' for the %s "+
		"(reported only once at first occurrence)", a.Str, call.describe())
}

// takeTag takes the tag at the start of args, with its value; it tells how many of args that were.
func (call *Call) takeTag(args []syntax.Arg, t *Tag) (int, error) {
	a := &args[0]
	if first := call.sameGroup(t); first != nil && !t.Repeat {
		return 0, call.Errorf(a.Pos, "%s", call.duplicate(first.Name, t))
	}
	use, n := call.slabs.uses.New(), 1
	use.Pos, use.Tag = a.Pos, t
	if t.Param != nil {
		if len(args) < 2 || args[1].Kind == syntax.Tag {
			return 0, call.Errorf(a.Pos, "the :%s tag for the %s requires %s as parameter, but %s",
				t.Name, call.describe(), t.Param.Kind, foundInstead(args[1:], "no parameters were found"))
		}
		if !fits(&args[1], t.Param.Kind) {
			return 0, call.Errorf(args[1].Pos, "the :%s tag for the %s requires %s as parameter, but %s was found",
				t.Name, call.describe(), t.Param.Kind, args[1].Kind)
		}
		if err := call.takeValue(&use.val, &args[1], t.Param); err != nil {
			return 0, err
		}
		n = 2
	}
	if x := call.more(); x.tags == nil {
		x.tags = call.slabs.useLists.One(use)
	} else {
		x.tags = append(x.tags, use)
	}
	if t.Instead != nil {
		call.Command = t.Instead
	}
	if t.Apply != nil {
		if err := t.Apply(call, use); err != nil {
			return 0, call.Errorf(a.Pos, "%w", err)
		}
	}
	return n, nil
}

// sameGroup gives the last tag used of the group of t; nil for none. A tag without
// a group is one by itself.
func (call *Call) sameGroup(t *Tag) *Tag {
	for _, use := range slices.Backward(call.tags()) {
		if u := use.Tag; cmp.Or(u.Group, u.Name) == cmp.Or(t.Group, t.Name) {
			return u
		}
	}
	return nil
}

// duplicate tells that a tag cannot stand beside the first one of its group.
func (call *Call) duplicate(first string, t *Tag) string {
	switch {
	case t.Group == "":
		return fmt.Sprintf("encountered duplicate :%s argument for the %s", t.Name, call.describe())
	case strings.HasPrefix(t.Group, groupModifier) && first != t.Name:
		return fmt.Sprintf("modifiers :%s and :%s specified for the %s conflict having equal precedence",
			first, t.Name, call.describe())
	}
	return fmt.Sprintf("encountered duplicate %s argument (:%s) for the %s", t.Group, t.Name, call.describe())
}

func foundInstead(rest []syntax.Arg, none string) string {
	if len(rest) == 0 {
		return none
	}
	return rest[0].Kind.String() + " was found"
}

// fits tells whether an argument is of a kind; a string is a list of one.
func fits(a *syntax.Arg, k Kind) bool {
	return a.Kind == k || a.Kind == String && k == StringList
}

// takePositional assigns the arguments after the tags to the command's Params.
func (call *Call) takePositional(args []syntax.Arg) error {
	params := call.Command.Params
	if len(params) == 0 {
		return nil
	}
	spare := len(args) - call.Command.required()
	call.args = call.newValues(len(params))
	i := 0
	for n := range params {
		p := &params[n]
		if p.Optional {
			if spare == 0 {
				continue
			}
			spare--
		}
		a := &args[i]
		i++
		if !fits(a, p.Kind) {
			return call.Errorf(a.Pos, "the %s expects %s as argument %d (%s), but %s was found",
				call.describe(), p.Kind, i, p.Name, a.Kind)
		}
		if err := call.takeValue(&call.args[n], a, p); err != nil {
			return err
		}
	}
	return nil
}

// takeValue prepares an argument that fits its Param.
func (call *Call) takeValue(v *value, a *syntax.Arg, p *Param) error {
	v.pos, v.num = a.Pos, a.Num
	var err error
	switch a.Kind {
	case String:
		v.strs = call.slabs.lists.Slice(1)
		v.strs[0], err = call.takeStr(a, p)
	case StringList:
		v.strs = call.slabs.lists.Slice(len(a.List))
		for i := 0; i < len(a.List) && err == nil; i++ {
			v.strs[i], err = call.takeStr(&a.List[i], p)
		}
	}
	return err
}

// takeStr prepares a string of an argument.
func (call *Call) takeStr(a *syntax.Arg, p *Param) (*Str, error) {
	if p.Raw {
		s := call.literal(a.Pos, a.Str)
		return s, call.checkStr(s, p)
	}
	s, err := call.makeStr(a)
	if err != nil {
		return nil, err
	}
	return s, call.checkStr(s, p)
}

// checkStr looks at the value of a string while compiling.
func (call *Call) checkStr(s *Str, p *Param) error {
	lit, known := s.Const()
	switch {
	case !known && p.Const:
		return call.Errorf(s.Pos, "the %s of the %s must be constant, but it contains a variable", p.Name, call.describe())
	case known && p.Check != nil:
		if err := p.Check(lit); err != nil {
			return call.Errorf(s.Pos, "%w", err)
		}
	}
	return nil
}

// lateTags finishes what needs the positional arguments.
func (call *Call) lateTags() error {
	for _, use := range call.tags() {
		if use.Tag.Late == nil {
			continue
		}
		if err := use.Tag.Late(call, use); err != nil {
			return call.Errorf(use.Pos, "%w", err)
		}
	}
	if call.Command.AddressPart {
		part := "all"
		if t := call.TagOf(groupPart); t != nil {
			part = t.Tag.Name
		}
		call.part = call.partNamed(part)
	}
	if call.Command.Match {
		return call.prepareMatch()
	}
	return nil
}
