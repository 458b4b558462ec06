package ext

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "variables", Spec: "RFC 5229",
	Configs:   []engine.Configuration{variableLimits},
	Strings:   &engine.StringPass{Order: 20, Parse: expandVariables},
	Variables: variableToSet,
	Commands: []engine.Command{
		{
			Name: "set", Modifiers: true, Op: compileSet,
			Params: []engine.Param{{Name: "name", Kind: engine.String, Raw: true}, {Name: "value", Kind: engine.String}},
		},
		{
			Name: "string", Match: true, Comparator: "i;octet", Test: compileString,
			Params: []engine.Param{{Name: "source", Kind: engine.StringList}, {Name: "key list", Kind: engine.StringList}},
		},
	},
	// RFC 5229 section 4.1
	Modifiers: []engine.Modifier{
		{Name: "lower", Precedence: 40, Apply: onASCII(0, -1, 'A', 'Z', 'a'-'A')},
		{Name: "upper", Precedence: 40, Apply: onASCII(0, -1, 'a', 'z', -('a' - 'A'))},
		{Name: "lowerfirst", Precedence: 30, Apply: onASCII(0, 1, 'A', 'Z', 'a'-'A')},
		{Name: "upperfirst", Precedence: 30, Apply: onASCII(0, 1, 'a', 'z', -('a' - 'A'))},
		{Name: "quotewildcard", Precedence: 20, Apply: quoteWildcards},
		{Name: "length", Precedence: 10, Apply: func(_ *engine.Run, v string) string {
			return strconv.Itoa(utf8.RuneCountInString(v))
		}},
	},
})

// limits bound the variables of a script.
type limits struct {
	count int // variables of a script
	size  int // bytes of a value; what is beyond is cut off
}

// variableLimits reads the limits by the names of Dovecot 2.3 and 2.4. RFC 5229
// section 6 asks for at least 128 variables and 4000 bytes.
var variableLimits = engine.NewConfig(func(s engine.Settings) (limits, error) {
	count, err1 := s.Size("sieve_variables_max_scope_size", 255, 128)
	count, err2 := s.Size("sieve_variables_max_scope_count", count, 128)
	size, err3 := s.Size("sieve_variables_max_variable_size", 4096, 4000)
	size, err4 := s.Size("sieve_variables_max_value_size", size, 4000)
	return limits{count: int(count), size: int(size)}, errors.Join(err1, err2, err3, err4)
})

// tooMany tells that a script has too many variables, which is reported once.
var tooMany = engine.NewState(func() *bool { return new(bool) })

// variableNamed gives a variable of the script; a new one when there is none of that name.
func variableNamed(c *engine.Compiler, name string) (engine.Variable, error) {
	key := strings.ToLower(name)
	if v, ok := c.Names[key]; ok {
		return v, nil
	}
	limit, full := variableLimits.Of(c).count, tooMany.Of(c)
	switch {
	case *full:
		return c.NewVariable(), nil
	case len(c.Names) >= limit:
		*full = true
		return engine.Variable{}, fmt.Errorf("(implicit) declaration of new variable '%s' exceeds the limit (max variables: %d)",
			name, limit)
	}
	slot := c.NewVariable()
	c.Names[key] = engine.Variable{Get: slot.Get, Set: func(r *engine.Run, value string) {
		slot.Set(r, engine.Truncate(value, variableLimits.Of(r).size))
	}}
	return c.Names[key], nil
}

// variableToSet finds the variable that a command writes to.
func variableToSet(c *engine.Compiler, name string) (engine.Variable, error) {
	path, rest := parseVariableName(name)
	switch {
	case path == nil || rest != "":
		return engine.Variable{}, fmt.Errorf("invalid variable name '%s'", name)
	case isNumber(path[0]):
		return engine.Variable{}, errors.New("cannot assign to match variable")
	}
	v, err := lookUpVariable(c, path)
	if err == nil && v.Set == nil {
		err = fmt.Errorf("cannot assign to variable '%s'", name)
	}
	return v, err
}

// lookUpVariable finds what a name stands for.
func lookUpVariable(c *engine.Compiler, path []string) (engine.Variable, error) {
	switch {
	case len(path) > 1:
		ns, ok := c.Namespace(strings.ToLower(path[0]))
		if !ok {
			return engine.Variable{}, fmt.Errorf("referring to unknown variable namespace '%s'", path[0])
		}
		return ns.Resolve(c, path[1:])
	case isNumber(path[0]):
		n, err := strconv.Atoi(path[0])
		if err != nil || n > maxMatchVariable {
			return engine.Variable{}, fmt.Errorf("match value index %s out of range (max: %d)", path[0], maxMatchVariable)
		}
		c.UseMatchVariables()
		return engine.Variable{Get: func(r *engine.Run) string { return r.Captured(n) }}, nil
	}
	return variableNamed(c, path[0])
}

// Bounds of names, as Pigeonhole has them.
const (
	maxMatchVariable = 32
	maxVariableName  = 64
	maxNamePath      = 10
)

// parseVariableName takes a name apart at its dots and gives what follows it; a
// nil path tells that s does not begin with a name.
//
//	variable-name = num-variable / namespace identifier
//	namespace = identifier "." *sub-namespace
func parseVariableName(s string) (path []string, rest string) {
	for len(path) < maxNamePath {
		n := 0
		for n < len(s) && (s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z') {
			n++
		}
		if n > 0 && s[0] >= '0' && s[0] <= '9' {
			n = len(s) - len(strings.TrimLeft(s, "0123456789"))
		}
		if n == 0 || n > maxVariableName {
			return nil, s
		}
		path, s = append(path, s[:n]), s[n:]
		if s == "" || s[0] != '.' || len(path) == 1 && isNumber(path[0]) {
			return path, s
		}
		s = s[1:]
	}
	return nil, s
}

func isNumber(s string) bool { return s[0] >= '0' && s[0] <= '9' }

// expandVariables finds the ${name} in a string. What only looks alike stays.
func expandVariables(c *engine.Compiler, s string) ([]engine.Part, error) {
	var parts []engine.Part
	from := 0 // begin of the literal text not yet in parts
	for at := 0; ; {
		i := strings.Index(s[at:], "${")
		if i < 0 {
			return append(parts, engine.Part{Literal: s[from:]}), nil
		}
		i += at
		path, rest := parseVariableName(s[i+2:])
		if path == nil || rest == "" || rest[0] != '}' {
			at = i + 2
			continue
		}
		parts = append(parts, engine.Part{Literal: s[from:i]})
		from = len(s) - len(rest) + 1
		at = from
		v, err := lookUpVariable(c, path)
		if err != nil { // the others in the string are looked at, too
			_ = c.Errorf(c.StringPos(), "%w", err)
			v.Get = func(*engine.Run) string { return "" }
		}
		parts = append(parts, engine.Part{Value: v.Get})
	}
}

func compileSet(c *engine.Call) (engine.Op, error) {
	name, _ := c.Str(0).Const()
	v, err := c.Variable(name)
	if err != nil {
		return nil, c.Errorf(c.ArgPos(0), "%w", err)
	}
	value, modify := c.Str(1), c.Modify()
	return func(r *engine.Run) error {
		v.Set(r, modify(r, value.Eval(r)))
		return nil
	}, nil
}

func compileString(c *engine.Call) (engine.Cond, error) {
	source, m := c.Strs(0), c.Matcher()
	return func(r *engine.Run) (bool, error) {
		x := m.Begin(r)
		for _, s := range source {
			v := s.Eval(r)
			if v == "" && m.UsesCount() { // RFC 5229 section 5
				continue
			}
			if err := x.Value(v); err != nil {
				return x.End(err)
			}
		}
		return x.End(nil)
	}, nil
}

// onASCII adds delta to the letters between lo and hi, from one byte up to
// another (-1: the end). Other characters stay (RFC 5229 section 4.1).
func onASCII(from, to int, lo, hi byte, delta int) func(*engine.Run, string) string {
	return func(_ *engine.Run, v string) string {
		b := []byte(v)
		end := len(b)
		if to >= 0 {
			end = min(to, end)
		}
		for i := from; i < end; i++ {
			if b[i] >= lo && b[i] <= hi {
				b[i] = byte(int(b[i]) + delta)
			}
		}
		return string(b)
	}
}

// quoteWildcards protects what :matches would take for a wildcard. It cuts off
// what goes beyond the size of a variable, so that no half of a pair is left.
func quoteWildcards(r *engine.Run, v string) string {
	limit := variableLimits.Of(r).size
	var b strings.Builder
	for _, c := range v {
		n := utf8.RuneLen(c)
		quote := c == '*' || c == '?' || c == '\\'
		if quote {
			n++
		}
		if b.Len()+n > limit {
			break
		}
		if quote {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
