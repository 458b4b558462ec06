package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dovetail/sieve/internal/syntax"
)

// Limits bound what scripts may ask for. A zero field stands for its default.
type Limits struct {
	Syntax    syntax.Limits
	Actions   int           // actions of one run, default 32 (sieve_max_actions)
	Redirects int           // redirects among them, default 4 (sieve_max_redirects); negative: none allowed
	Time      time.Duration // of one run, default 30 s (sieve_max_cpu_time)
	Steps     int           // commands and tests of one run, default 1,000,000
}

func (l Limits) withDefaults() Limits {
	l.Syntax = l.Syntax.WithDefaults()
	if l.Actions == 0 {
		l.Actions = 32
	}
	switch {
	case l.Redirects == 0:
		l.Redirects = 4
	case l.Redirects < 0:
		l.Redirects = 0
	}
	if l.Time == 0 {
		l.Time = 30 * time.Second
	}
	if l.Steps == 0 {
		l.Steps = 1_000_000
	}
	return l
}

// Options say what an engine can do.
type Options struct {
	// Extensions names the capabilities that scripts may require, as Dovecot's
	// sieve_extensions: either a list "a b c", or changes to the default "+a -b".
	Extensions string
	// GlobalExtensions names those that only global scripts may require
	// (sieve_global_extensions); they win over Extensions.
	GlobalExtensions string
	// Settings are passed to the extensions under Dovecot's names.
	Settings map[string]string
	Limits   Limits
	// Extra extensions beside those registered, always in force.
	Extra []*Extension
}

// Engine compiles scripts. It is immutable and safe for concurrent use.
type Engine struct {
	base     []*Extension          // without a name, always in effect
	known    map[string]*Extension // all with a name
	exts     map[string]*Extension // those that can be required
	global   map[string]bool       // those for global scripts only
	index    map[*Extension]int    // place of each extension among all
	names    *names
	configs  []any // parsed settings, by Config
	settings Settings
	limits   Limits
	warnings []string
	trees    sync.Pool // of *syntax.Memory
}

// New makes an engine of all registered extensions. The error tells of bad
// settings, each of them; the engine is usable then too, on their defaults.
func New(o Options) (*Engine, error) {
	e := &Engine{
		exts: map[string]*Extension{}, global: map[string]bool{}, index: map[*Extension]int{},
		configs: make([]any, configs), settings: o.Settings, limits: o.Limits.withDefaults(),
		trees: sync.Pool{New: func() any { return syntax.NewMemory() }},
	}
	all := append(slices.Clone(registry), o.Extra...)
	byName := map[string]*Extension{}
	for i, x := range all {
		e.index[x] = i
		switch {
		case x.Name == "":
		case byName[x.Name] != nil:
			return nil, fmt.Errorf("two extensions are called %q", x.Name)
		default:
			byName[x.Name] = x
		}
		if x.Name == "" || x.Base {
			e.base = append(e.base, x)
		}
	}
	e.known, e.names = byName, newNames(all)
	e.enable(byName, o)
	for _, x := range o.Extra {
		if x.Name != "" {
			e.exts[x.Name] = x
		}
	}
	return e, parseConfigs(e.configs, all, o.Settings)
}

// enable chooses among the extensions by the options.
func (e *Engine) enable(byName map[string]*Extension, o Options) {
	def := map[string]bool{}
	for name, x := range byName {
		def[name] = !x.OptIn
	}
	user := e.switches("sieve_extensions", o.Extensions, def, byName)
	global := e.switches("sieve_global_extensions", o.GlobalExtensions, map[string]bool{}, byName)
	for name, x := range byName {
		if global[name] {
			e.global[name] = true
		}
		if user[name] || global[name] {
			e.exts[name] = x
		}
	}
}

// switches reads "a b" or "+a -b" over a default.
func (e *Engine) switches(key, list string, def map[string]bool, known map[string]*Extension) map[string]bool {
	words := strings.Fields(list)
	if len(words) == 0 {
		return def
	}
	on := map[string]bool{}
	if strings.ContainsAny(words[0][:1], "+-") {
		for name, v := range def {
			on[name] = v
		}
	}
	for _, w := range words {
		name := strings.TrimLeft(w, "+-")
		if known[name] == nil {
			e.warnings = append(e.warnings, fmt.Sprintf("%s: unknown Sieve extension '%s'", key, name))
			continue
		}
		on[name] = w[0] != '-'
	}
	return on
}

// Warnings tells of names in the extension lists that the engine does not know.
func (e *Engine) Warnings() []string { return e.warnings }

// Capabilities lists what scripts may require, sorted; for personal scripts
// without the extensions for global ones.
func (e *Engine) Capabilities(global bool) []string {
	var names []string
	for name := range e.exts {
		if global || !e.global[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Program is a compiled script. It is immutable and safe for concurrent use.
type Program struct {
	Name string

	engine *Engine
	block  Block

	sources []source // of guarded tests

	vars  int          // variables with a slot
	match bool         // match variables are used
	set   []*Extension // in effect
}

// errReported is what a function returns whose error was recorded already.
var errReported = errors.New("reported")

// Compile compiles a script. It gives all findings; the Program is nil when
// there is an error among them. global scripts may require everything, others
// not what is kept for global scripts.
func (e *Engine) Compile(name string, src []byte, global bool) (*Program, syntax.Diagnostics) {
	return e.CompileFrom(name, src, global, nil)
}
