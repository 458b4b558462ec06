package syntax

import "dovetail/internal/slab"

// parser reads the grammar of RFC 5228 section 8.2, a token ahead.
type parser struct {
	lexer
	failed bool

	// What belongs to the structures under way, while its number is not known.
	args, items []Arg
	nodes       []*Node

	*Memory
}

// Memory is where trees lie. The zero value is ready for use.
type Memory struct {
	nodeSlab slab.Of[Node]
	listSlab slab.Of[*Node]
	argSlab  slab.Of[Arg]
}

// NewMemory gives a Memory that can be used again.
func NewMemory() *Memory {
	m := new(Memory)
	m.nodeSlab.Keep()
	m.listSlab.Keep()
	m.argSlab.Keep()
	return m
}

// Reset takes back all trees; nobody may use them any more.
func (m *Memory) Reset() {
	m.nodeSlab.Reset()
	m.listSlab.Reset()
	m.argSlab.Reset()
}

// state tells how the parser stands after a part of the script.
type state int

const (
	lost   state = iota // at an unknown place: the caller must recover
	stands              // at a known place, errors or not
)

// Parse reads a script and reports all that is wrong in it. The tree is nil
// when there is an error among the findings.
func Parse(name string, src []byte, limits Limits) ([]*Node, Diagnostics) {
	return new(Memory).Parse(name, src, limits)
}

// Parse is the function Parse; the tree lies in m.
func (m *Memory) Parse(name string, src []byte, limits Limits) ([]*Node, Diagnostics) {
	p := &parser{Memory: m, lexer: lexer{name: name, line: 1, limit: limits.WithDefaults()}}
	if len(src) > p.limit.ScriptSize {
		p.report(Pos{}, Error, "script is too large (%d bytes, at most %d)", len(src), p.limit.ScriptSize)
		return nil, p.diags
	}
	p.src = string(src)
	p.next()
	nodes, st := p.commands(1)
	if st == stands && !p.failed && p.tok != tokEOF {
		p.errorHere("unexpected %s found at (the presumed) end of file", p.tok)
	}
	if st == lost || p.failed || p.diags.HasErrors() {
		return nil, p.diags
	}
	if nodes == nil {
		nodes = []*Node{}
	}
	return nodes, p.diags
}

// errorHere reports an error at the token, unless the lexer complained already.
func (p *parser) errorHere(format string, args ...any) {
	if p.tok != tokError {
		p.report(p.pos, Error, format, args...)
	}
	p.failed = true
}

// commands reads commands until something else comes.
//
//	commands = *command
//	command = identifier arguments ( ";" / block )
//	block = "{" commands "}"
func (p *parser) commands(depth int) ([]*Node, state) {
	from := len(p.nodes)
	st := p.commandList(depth)
	return p.takeNodes(from), st
}

// takeNodes takes the nodes under way from a place on.
func (p *parser) takeNodes(from int) []*Node {
	nodes := p.listSlab.Copy(p.nodes[from:])
	p.nodes = p.nodes[:from]
	return nodes
}

func (p *parser) newNode(isTest bool) *Node {
	n := p.nodeSlab.New()
	n.Pos, n.Name, n.IsTest = p.pos, p.str, isTest
	return n
}

func (p *parser) commandList(depth int) state {
	for p.tok == tokIdentifier {
		n := p.newNode(false)
		p.nodes = append(p.nodes, n)
		p.next()
		st := p.arguments(n, 1)
		if st == stands && p.tok != tokSemicolon && p.tok != tokLCurly {
			p.errorHere("expected end of command ';' or the beginning of a compound block '{', but found %s", p.tok)
			st = lost
		}
		if st == lost {
			st = p.recover(tokSemicolon)
		}
		if st == lost {
			return lost
		}
		if p.tok == tokSemicolon {
			p.next()
			continue
		}
		if p.block(n, depth) == lost {
			return lost
		}
	}
	return stands
}

// block reads the block of a command; the token is its '{'.
func (p *parser) block(n *Node, depth int) state {
	p.next()
	if depth+1 > p.limit.Blocks {
		p.errorHere("cannot nest command blocks deeper than %d levels", p.limit.Blocks)
		st := p.recover(tokRCurly)
		if st == stands {
			p.next()
		}
		return st
	}
	n.HasBlock = true
	var st state
	n.Block, st = p.commands(depth + 1)
	if st == stands && p.tok == tokRCurly {
		p.next()
		return stands
	}
	if st == stands {
		// The '}' stays: what recovers to it takes it for the end of a command.
		p.errorHere("expected end of compound block '}', but found %s", p.tok)
		return p.recover(tokRCurly)
	}
	if st = p.recover(tokRCurly); st == stands {
		p.next()
	}
	return st
}

// arguments reads the arguments and tests of a command or test.
//
//	arguments = *argument [ test / test-list ]
//	argument = string-list / number / tag
func (p *parser) arguments(n *Node, depth int) state {
	p.args = p.args[:0]
	for st, more := stands, true; more; {
		if st, more = p.argument(); st == lost {
			return lost
		}
		if len(p.args) > p.limit.Args {
			p.errorHere("too many arguments for command '%s'", n.Name)
			return lost
		}
	}
	n.Args = p.argSlab.Copy(p.args)
	switch p.tok {
	case tokIdentifier:
		if depth+1 > p.limit.Tests {
			p.errorHere("cannot nest tests deeper than %d levels", p.limit.Tests)
			return lost
		}
		t, st := p.test(depth)
		n.Tests = p.listSlab.One(t)
		return st
	case tokLBracket:
		return p.testList(n, depth)
	}
	return stands // tests are optional: the caller knows what must come now
}

// argument reads one argument; more tells whether there was one.
func (p *parser) argument() (st state, more bool) {
	p.args = append(p.args, Arg{Pos: p.pos})
	a := &p.args[len(p.args)-1]
	switch p.tok {
	case tokLSquare:
		return p.stringList(a), true
	case tokString:
		a.Kind, a.Str = String, p.str
	case tokNumber:
		a.Kind, a.Num = Number, p.num
	case tokTag:
		a.Kind, a.Str = Tag, p.str
	default:
		p.args = p.args[:len(p.args)-1]
		return stands, false
	}
	p.next()
	return stands, true
}

// stringList reads a list of strings; the token is its '['.
//
//	string-list = "[" string *("," string) "]"
func (p *parser) stringList(a *Arg) state {
	a.Kind = StringList
	p.items = p.items[:0]
	for first := true; first || p.tok == tokComma; first = false {
		opener := p.tok
		p.next()
		if p.tok != tokString {
			p.errorHere("expecting string after %s in string list, but found %s", opener, p.tok)
			p.recover(tokRSquare)
			break
		}
		p.items = append(p.items, Arg{Pos: p.pos, Kind: String, Str: p.str})
		p.next()
	}
	a.List = p.argSlab.Copy(p.items)
	return p.closeList(tokRSquare, "string list")
}

// closeList passes the end of a list, or looks for it.
func (p *parser) closeList(end token, what string) state {
	if p.tok == end {
		p.next()
		return stands
	}
	p.errorHere("expecting ',' or end of %s %s, but found %s", what, end, p.tok)
	st := p.recover(end)
	if st == stands {
		p.next()
	}
	return st
}

// test reads a test; the token is its identifier.
func (p *parser) test(depth int) (*Node, state) {
	t := p.newNode(true)
	p.next()
	return t, p.arguments(t, depth+1)
}

// testList reads a list of tests; the token is its '('.
//
//	test-list = "(" test *("," test) ")"
func (p *parser) testList(n *Node, depth int) state {
	if depth+1 > p.limit.Tests {
		p.next()
		p.errorHere("cannot nest tests deeper than %d levels", p.limit.Tests)
		st := p.recover(tokRBracket)
		if st == stands {
			p.next()
		}
		return st
	}
	n.TestList = true
	from := len(p.nodes)
	for first := true; first || p.tok == tokComma; first = false {
		opener := p.tok
		p.next()
		if p.tok != tokIdentifier {
			p.errorHere("expecting test identifier after %s in test list, but found %s", opener, p.tok)
			p.recover(tokRBracket)
			break
		}
		t, st := p.test(depth)
		p.nodes = append(p.nodes, t)
		if st == lost {
			p.recover(tokRBracket)
			break
		}
	}
	n.Tests = p.takeNodes(from)
	return p.closeList(tokRBracket, "test list")
}

// priority orders tokens by the size of the structure they belong to.
func priority(t token) int {
	switch t {
	case tokLCurly, tokRCurly:
		return 3
	case tokSemicolon:
		return 2
	case tokLBracket, tokRBracket:
		return 1
	case tokLSquare, tokRSquare:
		return 0
	}
	return -1
}

// opener gives the token that begins the structure which end closes.
var openers = map[token]token{tokRSquare: tokLSquare, tokRBracket: tokLBracket, tokRCurly: tokLCurly}

// recover skips to the token that ends a broken structure: past nested ones of
// its kind, never past the end of a larger one. A command may end with the
// beginning of its block.
func (p *parser) recover(end token) state {
	nesting, limit := 1, priority(end)
	for p.tok != tokEOF && priority(p.tok) <= limit {
		switch p.tok {
		case end:
			nesting--
			if nesting == 0 {
				return stands
			}
		case openers[end]:
			nesting++
		}
		p.next()
	}
	if end == tokSemicolon && p.tok == tokLCurly {
		return stands
	}
	return lost
}
