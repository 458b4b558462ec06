package ext

import (
	"errors"
	"fmt"
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "include", Spec: "RFC 6609",
	Configs: []engine.Configuration{includeConfig},
	Commands: []engine.Command{
		{
			Name:   "include",
			Params: []engine.Param{{Name: "script name", Kind: engine.String, Const: true, Check: checkScriptName}},
			Tags: []engine.Tag{
				{Name: "personal", Group: "location"}, {Name: "global", Group: "location"},
				{Name: "once"}, {Name: "optional"},
			},
			Op: compileInclude,
		},
		{Name: "return", Op: func(*engine.Call) (engine.Op, error) {
			return func(*engine.Run) error { return engine.ErrReturn }, nil
		}},
		globalCommand("global", nil),
		// Of drafts before the RFC; Pigeonhole takes them for global, at the begin of a script.
		globalCommand("import", checkAtBegin),
		globalCommand("export", checkAtBegin),
	},
	Namespaces: []engine.Namespace{{Name: "global", Resolve: resolveGlobal}},
})

// includeLimits bound inclusion, and the global variables as variables are.
type includeLimits struct {
	scripts, depth int // sieve_include_max_includes, sieve_include_max_nesting_depth
	count, size    int
}

var includeConfig = engine.NewConfig(func(s engine.Settings) (includeLimits, error) {
	scripts, err1 := s.Size("sieve_include_max_includes", 255, 1)
	depth, err2 := s.Size("sieve_include_max_nesting_depth", 10, 1)
	// The settings of variables; their errors are reported there.
	count, _ := s.Size("sieve_variables_max_scope_size", 255, 128)
	count, _ = s.Size("sieve_variables_max_scope_count", count, 128)
	size, _ := s.Size("sieve_variables_max_variable_size", 4096, 4000)
	size, _ = s.Size("sieve_variables_max_value_size", size, 4000)
	return includeLimits{int(scripts), int(depth), int(count), int(size)}, errors.Join(err1, err2)
})

// scriptKey names an included script.
type scriptKey struct {
	at   engine.Location
	name string
}

// includedScript is a script that was included while compiling.
type includedScript struct {
	program *engine.Program // nil while it is compiled, and when it has errors
	open    bool            // it is compiled right now
}

// inclusion is what the scripts of one compilation share: it is kept with the
// outermost one.
type inclusion struct {
	scripts map[scriptKey]*includedScript
	size    int             // bytes of the scripts
	globals map[string]bool // in lower case
}

// maxIncluded bounds the included scripts together, in scripts of the largest size:
// what is compiled takes a hundred times the memory of its text.
const maxIncluded = 2

var inclusions = engine.NewState(func() *inclusion {
	return &inclusion{scripts: map[scriptKey]*includedScript{}, globals: map[string]bool{}}
})

// inclusionOf gives the inclusion of a compilation, and how deep the script is in it.
func inclusionOf(c *engine.Compiler) (*inclusion, int) {
	outer, depth := c.Outermost()
	return inclusions.Of(outer), depth
}

// included is what a run knows of inclusion.
type included struct {
	done    map[scriptKey]bool // for :once
	globals map[string]string  // by name in lower case
}

var includes = engine.NewState(func() *included {
	return &included{done: map[scriptKey]bool{}, globals: map[string]string{}}
})

func checkScriptName(name string) error {
	if !engine.ValidScriptName(name) {
		return fmt.Errorf("include: invalid script name %.80q", name)
	}
	return nil
}

// compileInclude compiles the script along with the one that includes it, so that
// its errors are known early, and the limits and circles too (RFC 6609 section 3).
func compileInclude(c *engine.Call) (engine.Op, error) {
	name, _ := c.Str(0).Const()
	key := scriptKey{engine.Personal, strings.TrimSuffix(name, ".sieve")}
	if c.Tag("global") != nil {
		key.at = engine.Global
	}
	once, optional := c.Tag("once") != nil, c.Tag("optional") != nil
	script, err := findIncluded(c, key, once)
	switch {
	case errors.Is(err, engine.ErrAtRun):
		return includeAtRun(c, key, once, optional), nil
	case errors.Is(err, engine.ErrNoScript) && optional:
		return nil, nil
	case errors.Is(err, engine.ErrNoScript):
		return nil, fmt.Errorf("included %s script '%s' does not exist", key.at, key.name)
	case err != nil:
		return nil, err
	}
	return func(r *engine.Run) error { return include(r, c, key, once, script.program) }, nil
}

// findIncluded finds a script among those included already, or compiles it.
func findIncluded(c *engine.Call, key scriptKey, once bool) (*includedScript, error) {
	shared, depth := inclusionOf(c.Compiler)
	limits := includeConfig.Of(c)
	if depth >= limits.depth {
		return nil, fmt.Errorf("cannot nest includes deeper than %d levels", limits.depth)
	}
	if s := shared.scripts[key]; s != nil {
		switch {
		case s.open && !once:
			return nil, fmt.Errorf("circular include of %s script '%s'", key.at, key.name)
		case !s.open && s.program == nil:
			return nil, fmt.Errorf("included %s script '%s' is faulty", key.at, key.name)
		}
		return s, nil
	}
	if len(shared.scripts) >= limits.scripts {
		return nil, fmt.Errorf("failed to include script '%s': no more than %d includes allowed", key.name, limits.scripts)
	}
	if c.Source() == nil {
		return nil, engine.ErrNoScript
	}
	file, src, err := c.Source().Script(key.at, key.name)
	if err != nil {
		return nil, fmt.Errorf("failed to read included %s script '%s': %w", key.at, key.name, err)
	}
	if shared.size += len(src); shared.size/maxIncluded > c.Limits().Syntax.ScriptSize {
		return nil, fmt.Errorf("failed to include script '%s': the included scripts are too large together", key.name)
	}
	s := &includedScript{open: true}
	shared.scripts[key] = s
	s.program = c.Include(file, src, key.at == engine.Global)
	s.open = false
	if s.program == nil {
		return nil, fmt.Errorf("included %s script '%s' is faulty", key.at, key.name)
	}
	return s, nil
}

// includeAtRun includes a script that is found when the including one runs.
func includeAtRun(c *engine.Call, key scriptKey, once, optional bool) engine.Op {
	return func(r *engine.Run) error {
		err := engine.ErrNoScript
		var p *engine.Program
		if s := r.Env().Scripts; s != nil {
			p, err = s.Program(r.Context(), key.at, key.name)
		}
		switch {
		case errors.Is(err, engine.ErrNoScript) && optional:
			return nil
		case err != nil:
			return r.Fail(c.Pos, "failed to include %s script '%s': %w", key.at, key.name, err)
		}
		return include(r, c, key, once, p)
	}
}

// include runs an included script.
func include(r *engine.Run, c *engine.Call, key scriptKey, once bool, p *engine.Program) error {
	done := includes.Of(r).done
	if once && done[key] {
		return nil
	}
	done[key] = true
	if limit := includeConfig.Of(r).depth; r.Depth() >= limit {
		return r.Fail(c.Pos, "cannot nest includes deeper than %d levels", limit)
	}
	return r.Include(p)
}

// globalCommand makes a command that declares global variables: names of the
// script that all scripts share which declare them (RFC 6609 section 3.4.1).
func globalCommand(name string, check func(*engine.Call) error) engine.Command {
	return engine.Command{
		Name: name, Check: check,
		Params: []engine.Param{{Name: "value", Kind: engine.StringList, Const: true}},
		Op: func(c *engine.Call) (engine.Op, error) {
			if !c.Has("variables") {
				return nil, fmt.Errorf("%s command requires that variables extension is active", name)
			}
			for _, s := range c.Strs(0) {
				v, _ := s.Const()
				if err := declareGlobal(c.Compiler, v); err != nil {
					return nil, c.Errorf(s.Pos, "%w", err)
				}
			}
			return nil, nil
		},
	}
}

// declared are the names that a script has declared global.
var declared = engine.NewState(func() *map[string]bool { return &map[string]bool{} })

func declareGlobal(c *engine.Compiler, name string) error {
	v, err := globalNamed(c, name)
	if err != nil {
		return err
	}
	key, mine := strings.ToLower(name), *declared.Of(c)
	if _, has := c.Names[key]; has && !mine[key] {
		return fmt.Errorf("declaration of new global variable '%s' after its use as a local one", name)
	}
	mine[key] = true
	c.Names[key] = v
	return nil
}

// resolveGlobal finds ${global.name} (RFC 6609 section 3.4.2).
func resolveGlobal(c *engine.Compiler, path []string) (engine.Variable, error) {
	if len(path) != 1 {
		return engine.Variable{}, fmt.Errorf("encountered sub-namespace '%s' of the global namespace", strings.Join(path, "."))
	}
	return globalNamed(c, path[0])
}

// globalNamed gives a global variable.
func globalNamed(c *engine.Compiler, name string) (engine.Variable, error) {
	if !isVariableName(name) {
		return engine.Variable{}, fmt.Errorf("invalid variable name '%.80s' for a global variable", name)
	}
	key := strings.ToLower(name)
	shared, _ := inclusionOf(c)
	if limit := includeConfig.Of(c).count; !shared.globals[key] && len(shared.globals) >= limit {
		return engine.Variable{}, fmt.Errorf("declaration of new global variable '%s' exceeds the limit (max variables: %d)", name, limit)
	}
	shared.globals[key] = true
	return engine.Variable{
		Get: func(r *engine.Run) string { return includes.Of(r).globals[key] },
		Set: func(r *engine.Run, value string) {
			includes.Of(r).globals[key] = engine.Truncate(value, includeConfig.Of(r).size)
		},
	}, nil
}

// isVariableName tells whether name is an identifier (RFC 5229 section 3).
func isVariableName(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i] | 0x20
		if name[i] != '_' && !(c >= 'a' && c <= 'z') && (i == 0 || name[i] < '0' || name[i] > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// checkAtBegin refuses the old commands behind others.
func checkAtBegin(c *engine.Call) error {
	if c.Parent == nil {
		if c.Prev == nil {
			return nil
		}
		switch c.Prev.Command.Name {
		case "require", "import", "export":
			return nil
		}
	}
	return fmt.Errorf("the %s command can only be placed at top level at the beginning of the file "+
		"after any require or import/export commands", c.Command.Name)
}
