package engine

import "dovetail/internal/slab"

// slabs are what a script's parts are made from while it is compiled. Those that
// the program keeps are apart from those that only the compiler needs.
type slabs struct {
	// of the program
	sequences slab.Of[sequence]
	commands  slab.Of[compiled]
	tests     slab.Of[SubTest]
	strs      slab.Of[Str]
	lists     slab.Of[*Str]
	matchers  slab.Of[Matcher]
	keys      slab.Of[matchKey]

	// of the compiler, unless a closure keeps its call
	calls     slab.Of[Call]
	values    slab.Of[value]
	uses      slab.Of[TagUse]
	useLists  slab.Of[*TagUse]
	testLists slab.Of[*SubTest]
	sites     []*Site // to be used again
}

// literal makes a Str of a constant of the script.
func (c *Compiler) literal(pos Pos, text string) *Str {
	s := c.slabs.strs.New()
	s.Pos, s.lit = pos, text
	return s
}

// lasts tells whether a call is likely to be kept by its closure: an action is
// carried out on its behalf, while tests and what has a block need it no more.
func (call *Call) lasts() bool { return !call.IsTest && !call.Command.Block }

// allocCall makes a Call. One that lasts keeps no others in memory.
func (c *Compiler) allocCall(cmd *Command, isTest bool) *Call {
	var call *Call
	if isTest || cmd.Block {
		call = c.slabs.calls.New()
	} else {
		call = &Call{}
	}
	call.Compiler, call.Command = c, cmd
	if n := len(c.slabs.sites); n > 0 {
		call.Site, c.slabs.sites = c.slabs.sites[n-1], c.slabs.sites[:n-1]
	} else {
		call.Site = &Site{}
	}
	call.IsTest = isTest
	return call
}

// finish takes the Site away, when the command behind it is compiled, too; b is the
// block that it is in, empty for a test.
func (call *Call) finish(b Block) {
	if call != nil {
		if t := call.idle; t != nil && t.guard.source > 0 && call.place > 0 {
			if b.guards == nil {
				b.guards = make([]guard, cap(b.commands))
			}
			b.guards[call.place-1] = t.guard
		}
		*call.Site = Site{}
		call.slabs.sites = append(call.slabs.sites, call.Site)
		call.Site = nil
	}
}

func (call *Call) newValues(n int) []value {
	if call.lasts() {
		return make([]value, n)
	}
	return call.slabs.values.Slice(n)
}
