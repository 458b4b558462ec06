package engine

import (
	"slices"

	"dovetail/sieve/internal/syntax"
)

// Pos is a place in a script.
type Pos = syntax.Pos

// Call is one use of a command or test in a script, while it is compiled. Its
// command's functions read the arguments from it and compile it to a closure. A
// closure may keep it, but then finds nothing in its Site.
type Call struct {
	*Compiler
	*Site
	Pos     Pos
	Command *Command
	Block   Block
	Data    any // what its command or a tag wants to remember

	args  []value // by Command.Params; not given: an optional one left out
	extra *extra  // nil for none
	match *Matcher
	part  *AddressPart
}

// Site is what only the compiler needs of a call; it is taken away when the call
// and the one behind it are compiled.
type Site struct {
	IsTest bool
	Parent *Call // the call in whose block or test list it stands; nil at top level
	Prev   *Call // the command before it in the same block
	Tests  []*SubTest

	place  int      // in the block, from 1; 0: not there
	idle   *SubTest // see IdleUnless
	values Values   // see Comparing
	node   *syntax.Node
}

// extra is what only some calls have.
type extra struct {
	tags    []*TagUse // in the order they stand
	effects []Effect
	fields  FieldSource
}

// IdleUnless tells that this command, by itself, does nothing at all where the test
// is false; nil takes that back.
func (c *Call) IdleUnless(test *SubTest) { c.idle = test }

// more gives the extra of a call, to be filled.
func (c *Call) more() *extra {
	if c.extra == nil {
		c.extra = &extra{}
	}
	return c.extra
}

// tags gives the uses of tags in the order they stand.
func (c *Call) tags() []*TagUse {
	if c.extra == nil {
		return nil
	}
	return c.extra.tags
}

// SubTest is a compiled test of a call.
type SubTest struct {
	Value bool // its value, where Known
	Known bool

	guard   guard
	cond    Cond
	pos     Pos
	command *Command
}

// Run runs the test.
func (t *SubTest) Run(r *Run) (bool, error) {
	if err := r.step(); err != nil {
		return false, err
	}
	if r.rulesOut(t.guard) {
		return false, nil
	}
	r.pos = t.pos
	ok, err := t.cond(r)
	if r.env.Trace != nil {
		r.env.Trace(Event{Script: r.program.Name, Pos: t.pos, Kind: EventTest, Name: t.command.Name, Result: ok})
	}
	return ok, err
}

// value is an argument, prepared. Without a position it is one that was left out.
type value struct {
	pos  Pos
	strs Strs // one for a String
	num  uint64
}

func (v *value) given() bool { return v.pos.IsValid() }

// str gives the string of a String.
func (v *value) str() *Str {
	if len(v.strs) == 0 {
		return nil
	}
	return v.strs[0]
}

// TagUse is one use of a tag.
type TagUse struct {
	Pos Pos
	Tag *Tag
	val value
}

// Str gives the tag's string value.
func (t *TagUse) Str() *Str { return t.val.str() }

// Strs gives the tag's string list.
func (t *TagUse) Strs() Strs { return t.val.strs }

// Num gives the tag's number.
func (t *TagUse) Num() uint64 { return t.val.num }

// Str gives the i-th argument of the command's Params, a String; nil when it was left out.
func (c *Call) Str(i int) *Str { return c.args[i].str() }

// Strs gives the i-th argument, a StringList or a String; nil when it was left out.
func (c *Call) Strs(i int) Strs { return c.args[i].strs }

// Num gives the i-th argument, a Number, and whether it was given.
func (c *Call) Num(i int) (uint64, bool) { return c.args[i].num, c.args[i].given() }

// ArgPos gives the position of the i-th argument, or of the call when it was left out.
func (c *Call) ArgPos(i int) Pos {
	if !c.args[i].given() {
		return c.Pos
	}
	return c.args[i].pos
}

// Tag gives the (last) use of a tag by its name; nil when it was not used.
func (c *Call) Tag(name string) *TagUse {
	for _, t := range slices.Backward(c.tags()) {
		if t.Tag.Name == name {
			return t
		}
	}
	return nil
}

// TagOf gives the use of a tag of a group; nil when none was used.
func (c *Call) TagOf(group string) *TagUse {
	for _, t := range c.tags() {
		if t.Tag.Group == group {
			return t
		}
	}
	return nil
}

// AddEffect lets e change each action that this call asks for.
func (c *Call) AddEffect(e Effect) { c.more().effects = append(c.more().effects, e) }

// ArgCount gives the number of positional arguments as written.
func (c *Call) ArgCount() int {
	n := 0
	for i := range c.args {
		if c.args[i].given() {
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
