package engine

import "dovetail/sieve/internal/syntax"

// checkTests checks how many tests a call has.
func (call *Call) checkTests() error {
	n := call.node
	switch arity := call.Command.Subtests; {
	case arity == NoTests && len(n.Tests) > 0:
		return call.strayTest(n.Tests[0])
	case arity == OneTest && len(n.Tests) == 0:
		return call.Errorf(call.Pos, "the %s requires one sub-test, but none is specified", call.describe())
	case arity == OneTest && n.TestList:
		return call.Errorf(call.Pos, "the %s requires one sub-test, but a list of tests is specified", call.describe())
	case arity == ManyTests && len(n.Tests) == 0:
		return call.Errorf(call.Pos, "the %s requires a list of sub-tests, but none is specified", call.describe())
	case arity == ManyTests && !n.TestList:
		return call.Errorf(call.Pos, "the %s requires a list of sub-tests, but a single test is specified", call.describe())
	}
	return nil
}

// strayTest explains a test on a command that takes none: what looks like one
// is most often the next command after a forgotten semicolon.
func (call *Call) strayTest(test *syntax.Node) error {
	cmd := call.commandNamed(test.Name)
	switch {
	case cmd != nil && cmd.Test != nil:
		return call.Errorf(call.Pos, "the %s accepts no sub-tests, but tests are specified", call.describe())
	case cmd == nil && call.findTag(test.Name) != nil:
		return call.Errorf(call.Pos, "missing colon ':' before ':%s' tag in %s", test.Name, call.describe())
	}
	return call.Errorf(call.Pos, "missing semicolon ';' after %s", call.describe())
}

// checkBlock checks whether a call has the block that it needs.
func (call *Call) checkBlock() error {
	if call.IsTest {
		return nil
	}
	switch {
	case call.Command.Block && !call.node.HasBlock:
		return call.Errorf(call.Pos, "the %s command requires a command block, but it is missing", call.Command.Name)
	case !call.Command.Block && call.node.HasBlock:
		return call.Errorf(call.Pos, "the %s command does not accept a command block, but one is specified anyway",
			call.Command.Name)
	}
	return nil
}
