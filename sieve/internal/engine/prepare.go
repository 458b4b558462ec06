package engine

import "dovetail/sieve/internal/syntax"

// compileBlock compiles the commands of a block, or of the script.
func (c *Compiler) compileBlock(nodes []*syntax.Node, parent *Call) Block {
	b := Block{c.slabs.sequences.New()}
	b.commands = c.slabs.commands.Slice(len(nodes))[:0]
	var prev *Call
	for _, n := range nodes {
		call := c.newCall(n, parent, prev)
		op := call.compile()
		prev.finish(b)
		if prev = call; op != nil {
			call.place = len(b.commands) + 1
			b.commands = append(b.commands, compiled{op: op, pos: call.Pos, command: call.Command})
		}
	}
	prev.finish(b)
	return b
}

// compile compiles a command; nil where there is nothing to do, or something is wrong.
func (call *Call) compile() Op {
	if call == nil || !call.prepare() {
		return nil
	}
	op, err := call.Command.Op(call)
	if err != nil {
		_ = call.Errorf(call.Pos, "%w", err)
		return nil
	}
	return op
}

// compileTests compiles the tests of a call; false when one of them is bad.
func (call *Call) compileTests() bool {
	c, good := call.Compiler, true
	nodes := call.node.Tests
	call.Tests = call.slabs.testLists.Slice(len(nodes))[:0]
	for i, n := range nodes {
		sub := c.compileTest(n, call)
		if sub == nil {
			good = false
			continue
		}
		call.Tests = append(call.Tests, sub)
		if _, known := call.fold(i+1 < len(nodes)); known && good {
			break
		}
	}
	return good
}

// compileTest compiles a test of a call; nil when it is bad.
func (c *Compiler) compileTest(n *syntax.Node, parent *Call) *SubTest {
	t := c.newCall(n, parent, nil)
	if t == nil {
		return nil
	}
	defer t.finish(Block{})
	if !t.prepare() {
		return nil
	}
	cond, err := t.Command.Test(t)
	if err != nil {
		_ = c.Errorf(t.Pos, "%w", err)
		return nil
	}
	sub := c.slabs.tests.New()
	sub.cond, sub.pos, sub.command = cond, t.Pos, t.Command
	sub.Value, sub.Known = t.fold(false)
	sub.guard = t.guard()
	return sub
}

// fold asks a command for a value known while compiling.
func (call *Call) fold(more bool) (value, known bool) {
	if call.Command.Fold == nil {
		return false, false
	}
	return call.Command.Fold(call, more)
}

// newCall looks up the command of a node; nil when there is none.
func (c *Compiler) newCall(n *syntax.Node, parent, prev *Call) *Call {
	cmd := c.commandNamed(n.Name)
	as := "command"
	if n.IsTest {
		as = "test"
	}
	switch {
	case cmd == nil:
		if !c.unknown[n.Name] {
			c.unknown[n.Name] = true
			_ = c.Errorf(n.Pos, "unknown %s '%s' (only reported once at first occurrence)", as, n.Name)
		}
		return nil
	case n.IsTest && cmd.Test == nil, !n.IsTest && cmd.Op == nil:
		kind := (&Call{Command: cmd}).kindName()
		_ = c.Errorf(n.Pos, "attempted to use %s '%s' as %s", kind, n.Name, as)
		return nil
	}
	call := c.allocCall(cmd, n.IsTest)
	call.Pos, call.Parent, call.Prev, call.node = n.Pos, parent, prev, n
	return call
}

// prepareSelf checks a call without its tests and its block, in the order that
// decides which errors of a bad one are reported: tags and number of arguments,
// number of tests, whether there is a block, the arguments themselves, Check.
func (call *Call) prepareSelf() error {
	args, err := call.takeTags()
	if err != nil {
		_ = call.checkTests() // a tag without its colon looks like a test
		return err
	}
	if err := call.checkTests(); err != nil {
		return err
	}
	if err := call.checkBlock(); err != nil {
		return err
	}
	if err := call.takePositional(args); err != nil {
		return err
	}
	if err := call.applyImplicit(); err != nil {
		return err
	}
	if err := call.check(); err != nil {
		return err
	}
	return call.lateTags()
}

// check calls the command's Check.
func (call *Call) check() error {
	if call.Command.Check == nil {
		return nil
	}
	if err := call.Command.Check(call); err != nil {
		return call.Errorf(call.Pos, "%w", err)
	}
	return nil
}

// prepare does all of a call but its own closure: itself, then the tests and
// the block, which are looked at even when the call itself is bad.
func (call *Call) prepare() bool {
	c, cmd, n := call.Compiler, call.Command, call.node
	if cmd.Before != nil {
		if err := cmd.Before(call); err != nil {
			_ = c.Errorf(call.Pos, "%w", err)
			return false
		}
	}
	good := call.prepareSelf() == nil
	if good && cmd.Unreached != nil && cmd.Unreached(call) {
		return true
	}
	if cmd.Subtests != NoTests {
		good = call.compileTests() && good
	}
	if cmd.Block && !call.IsTest {
		if good && cmd.Subtests == OneTest && call.Tests[0].Known && !call.Tests[0].Value {
			return true
		}
		before := c.diags.Count(syntax.Error)
		call.Block = c.compileBlock(n.Block, call)
		good = good && c.diags.Count(syntax.Error) == before
	}
	return good
}
