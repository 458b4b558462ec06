package engine

import (
	"fmt"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// Extension is everything that one capability adds to the language. All of it
// is data: the engine links it, gates it by require and calls its functions.
// The base language is an Extension without a Name, in parts.
type Extension struct {
	Name     string   // as in require; "" is always in effect
	Spec     string   // where it is specified, e.g. "RFC 5228 section 4.1"
	Implies  []string // capabilities that come with it
	Needs    []string // capabilities that a script must have in effect too, at its end
	Excludes []string // capabilities that it cannot stand beside, whichever comes first

	// Base extensions are in effect without require, though they may be required.
	Base bool
	// OptIn extensions must be named in sieve_extensions or sieve_global_extensions to be usable.
	OptIn bool

	Commands      []Command
	Tags          []Tag      // on commands and tests of others
	Implicit      []Implicit // effects on commands of others that carry no tag for it
	Comparators   []Comparator
	MatchTypes    []MatchType
	AddressParts  []AddressPart
	Modifiers     []Modifier
	Namespaces    []Namespace
	EnvItems      []EnvItem
	EnvelopeParts []EnvelopePart  // of the envelope test
	Strings       *StringPass     // looks into every string of a script
	Variables     VariableSource  // finds the variables that commands write to
	Configs       []Configuration // what it reads from the settings

	// Start is called before a script runs that has the extension in effect; its
	// error is a runtime error of the script (it cannot run in this place).
	Start func(r *Run) error
	// Keep adjusts an implicit keep before it takes effect (imap4flags: its flags).
	Keep func(r *Run, s *action.Store)
}

// Op is a compiled command: it runs once per execution of the command.
type Op func(*Run) error

// Cond is a compiled test.
type Cond func(*Run) (bool, error)

// Command describes a command (Op set), a test (Test set), or something that is
// both (RFC 5228 section 2.9; e.g. execute of vnd.dovecot.execute).
type Command struct {
	Name   string
	Params []Param // positional arguments, after the tags
	Tags   []Tag   // its own tags
	// Takes names tags of other extensions that it accepts though they do not name
	// it in On (pipe takes copy's :copy).
	Takes    []string
	Subtests Arity
	Block    bool // takes a block, and needs it

	Match       bool   // takes :comparator and the match types; the keys are the last Param
	Comparator  string // the default one of Match; "" is i;ascii-casemap
	AddressPart bool   // takes :localpart and the like
	Modifiers   bool   // takes the modifiers of variables
	// SplitKey gives the keys that one string of the last Param stands for; nil: itself.
	SplitKey func(u *MatchUse, key string) []string

	// Before runs before anything else of the call is looked at. An error ends the
	// work on this call, its tests and its block (where may it stand?).
	Before func(*Call) error
	// Check runs after the arguments are known to fit, before tests and block.
	Check func(*Call) error
	// Op compiles a use as a command; its tests and block are compiled already. A
	// nil Op means that nothing is left to do at run time.
	Op func(*Call) (Op, error)
	// Test compiles a use as a test.
	Test func(*Call) (Cond, error)
	// Fold tells a test's value where it is known at compile time, from the call
	// and its Tests compiled so far; more tells whether others follow, which are not
	// looked at once the value is known. A block whose test is known to be false is
	// not compiled at all.
	Fold func(c *Call, more bool) (value, known bool)
	// Unreached tells that a call is never run, so that its tests and block need no look.
	Unreached func(*Call) bool
}

// Arity tells how many tests a command takes.
type Arity int

// The arities of commands.
const (
	NoTests Arity = iota
	OneTest
	ManyTests
)

// Param is one argument of a command or the value of a tag.
type Param struct {
	Name     string // as in error messages, e.g. "key list"
	Kind     Kind
	Optional bool // left out where fewer arguments are given: the first optional ones go last
	// Const asks for a value that is known at compile time.
	Const bool
	// Raw takes the strings as they are written: the name of a variable, for instance.
	Raw bool
	// Check looks at each value; for a constant while compiling, else the command
	// itself calls it while running.
	Check func(value string) error
}

// Tag is a tagged argument, on its own command or on those named by On.
type Tag struct {
	Name  string // without the colon
	On    []string
	Param *Param // its value; nil for none
	// Group makes tags exclude each other: two tags of one group are a duplicate. By default a tag's own name.
	Group string
	// Brings names tags of other extensions that may stand beside this one, though
	// the command does not take them otherwise (fcc brings :create).
	Brings []string
	// Repeat allows the tag more than once.
	Repeat bool
	// Apply is called for each use, when the tag's value is known to fit. nil: the
	// command asks Call.Tag for it.
	Apply func(c *Call, t *TagUse) error
	// Late is called after the positional arguments are known to fit.
	Late func(c *Call, t *TagUse) error
	// Instead is the command that the call becomes, of the same name: its Params,
	// Check and Op count from here on (redirect :list takes no address).
	Instead *Command
}

// Implicit is an effect on every use of some commands while its extension is in
// effect (imap4flags: keep and fileinto store with the flags set before).
type Implicit struct {
	On    []string
	Apply func(c *Call) error
}

// Effect changes an action before it joins the result.
type Effect func(r *Run, a action.Action) error

// Modifier changes the value that set gives to a variable (RFC 5229 section 4.1).
type Modifier struct {
	Name       string
	Precedence int // higher goes first; two of one precedence exclude each other
	Apply      func(r *Run, value string) string
}

// Namespace provides variables with a prefix: ${name.path} (RFC 5229 section 3).
type Namespace struct {
	Name string
	// Resolve finds a variable, once per occurrence; path is what follows the prefix.
	Resolve func(c *Compiler, path []string) (Variable, error)
}

// Variable reads and writes one variable. Set is nil where it cannot be written.
type Variable struct {
	Get func(r *Run) string
	Set func(r *Run, value string)
}

// VariableSource finds the variable that a command wants to write to, by the
// name that stands in the script.
type VariableSource func(c *Compiler, name string) (Variable, error)

// EnvItem is an item of the environment test (RFC 5183), known while its
// extension is in effect.
type EnvItem struct {
	Name  string // in lower case; a trailing "." stands for all names with that prefix
	Value func(r *Run, name string) (string, bool)
}

// EnvelopePart is a part of the envelope that the envelope test knows while its
// extension is in effect, and that is no address.
type EnvelopePart struct {
	Name string // in lower case
	// Values gives the values, each of which is matched; none where the envelope has
	// not that part. The call is the test's.
	Values func(r *Run, c *Call, e *message.Envelope) []string
}

// StringPass rewrites the strings of a script while it is compiled
// (encoded-character, variables). Passes run in the order of Order, each on the
// literal parts that those before it left.
type StringPass struct {
	Order int
	Parse func(c *Compiler, literal string) ([]Part, error)
}

// Part is a piece of a string: a literal, or a value known at run time.
type Part struct {
	Literal string
	Value   func(r *Run) string // nil for a literal
}

var registry []*Extension

// Register adds an extension to the language. It is called while packages are
// initialised, from package-level variables of sieve/internal/ext, and never
// later; New reads what was registered.
func Register(e *Extension) *Extension {
	if e.Spec == "" {
		panic(fmt.Sprintf("sieve: the extension %q names no specification", e.Name))
	}
	registry = append(registry, e)
	return e
}
