// Package syntax turns the bytes of a Sieve script into a tree (RFC 5228
// section 8), with a position on every node, and reports every error it finds.
//
// It knows the grammar only: which commands, tests and tags exist is the
// business of the engine. How it recovers after an error, and so how many
// errors it counts in a broken script, follows Pigeonhole.
package syntax

// Kind is the kind of an argument.
type Kind int

// The kinds of arguments (RFC 5228 section 2.6).
const (
	String Kind = iota
	Number
	StringList
	Tag
)

func (k Kind) String() string {
	return [...]string{"a string", "a number", "a string list", "a tag"}[k]
}

// Arg is one argument of a command or a test.
type Arg struct {
	Pos  Pos
	Kind Kind
	Str  string // of a String; the name of a Tag, in lower case and without its colon
	Num  uint64 // of a Number, its quantifier (K, M, G) applied
	List []Arg  // of a StringList: Strings
}

// Node is a command or a test.
type Node struct {
	Pos   Pos
	Name  string // in lower case
	Args  []Arg
	Tests []*Node
	Block []*Node

	IsTest   bool
	TestList bool // the tests stood in parentheses
	HasBlock bool
}

// Limits bound what the parser accepts. A zero field stands for its default.
type Limits struct {
	ScriptSize int // bytes of a script, default 1 MiB (Pigeonhole: sieve_max_script_size)
	Blocks     int // nesting of blocks, default 32
	Tests      int // nesting of tests, default 32
	Args       int // arguments of one command, default 32
	StringSize int // bytes of one string, default 1 MiB
}

// WithDefaults gives the limits with every zero field replaced.
func (l Limits) WithDefaults() Limits {
	for _, f := range []struct {
		field *int
		def   int
	}{{&l.ScriptSize, 1 << 20}, {&l.Blocks, 32}, {&l.Tests, 32}, {&l.Args, 32}, {&l.StringSize, 1 << 20}} {
		if *f.field == 0 {
			*f.field = f.def
		}
	}
	return l
}
