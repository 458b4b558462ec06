package engine

import (
	"slices"

	"dovetail/sieve/internal/syntax"
)

// Pos is a place in a script.
type Pos = syntax.Pos

// Call is one use of a command or test in a script, while it is compiled. Its
// command's functions read the arguments from it and compile it to a closure.
type Call struct {
	*Compiler
	Pos     Pos
	Command *Command
	IsTest  bool
	Parent  *Call // the call in whose block or test list it stands; nil at top level
	Prev    *Call // the command before it in the same block
	Tests   []*SubTest
	Block   Block
	Data    any // what its command or a tag wants to remember

	node    *syntax.Node
	args    []*value  // by Command.Params; nil for an optional one left out
	tags    []*TagUse // in the order they stand
	effects []Effect
	fields  FieldSource
	match   *Matcher
	part    *AddressPart
}

// SubTest is a compiled test of a call.
type SubTest struct {
	Call  *Call
	Cond  Cond
	Value bool // its value, where Known
	Known bool
}

// value is an argument, prepared.
type value struct {
	pos  Pos
	kind Kind
	str  *Str
	strs Strs
	num  uint64
}

// list gives the strings of a String or a StringList.
func (v *value) list() Strs {
	if v.str != nil {
		return Strs{v.str}
	}
	return v.strs
}

// TagUse is one use of a tag.
type TagUse struct {
	Pos Pos
	Tag *Tag
	val *value
}

// Str gives the tag's string value.
func (t *TagUse) Str() *Str { return t.val.str }

// Strs gives the tag's string list.
func (t *TagUse) Strs() Strs { return t.val.list() }

// Num gives the tag's number.
func (t *TagUse) Num() uint64 { return t.val.num }

// Str gives the i-th argument of the command's Params, a String; nil when it was left out.
func (c *Call) Str(i int) *Str {
	if c.args[i] == nil {
		return nil
	}
	return c.args[i].str
}

// Strs gives the i-th argument, a StringList or a String; nil when it was left out.
func (c *Call) Strs(i int) Strs {
	if c.args[i] == nil {
		return nil
	}
	return c.args[i].list()
}

// Num gives the i-th argument, a Number, and whether it was given.
func (c *Call) Num(i int) (uint64, bool) {
	if c.args[i] == nil {
		return 0, false
	}
	return c.args[i].num, true
}

// ArgPos gives the position of the i-th argument, or of the call when it was left out.
func (c *Call) ArgPos(i int) Pos {
	if c.args[i] == nil {
		return c.Pos
	}
	return c.args[i].pos
}

// Tag gives the (last) use of a tag by its name; nil when it was not used.
func (c *Call) Tag(name string) *TagUse {
	for _, t := range slices.Backward(c.tags) {
		if t.Tag.Name == name {
			return t
		}
	}
	return nil
}

// TagOf gives the use of a tag of a group; nil when none was used.
func (c *Call) TagOf(group string) *TagUse {
	for _, t := range c.tags {
		if t.Tag.Group == group {
			return t
		}
	}
	return nil
}

// AddEffect lets e change each action that this call asks for.
func (c *Call) AddEffect(e Effect) { c.effects = append(c.effects, e) }

// ArgCount gives the number of positional arguments as written.
func (c *Call) ArgCount() int {
	n := 0
	for _, a := range c.args {
		if a != nil {
			n++
		}
	}
	return n
}

// kindName is what messages call the kind of thing a call is.
func (c *Call) kindName() string {
	switch {
	case c.Command.Op == nil:
		return "test"
	case c.Command.Test == nil:
		return "command"
	}
	return "command or test"
}
