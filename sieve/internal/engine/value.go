package engine

import (
	"strings"
	"unicode/utf8"

	"dovetail/sieve/internal/syntax"
)

// Kind is the kind of an argument: see the constants of syntax.
type Kind = syntax.Kind

// The kinds that a Param may ask for. A single string passes for a StringList.
const (
	String     = syntax.String
	Number     = syntax.Number
	StringList = syntax.StringList
)

// Str is a string argument: a literal, or made of parts known at run time.
type Str struct {
	Pos   Pos
	lit   string // of one with parts: as it is written
	parts []Part // nil for a literal
}

// Literal makes a Str of a constant.
func Literal(pos Pos, s string) *Str { return &Str{Pos: pos, lit: s} }

// Const gives the value where it is known at compile time.
func (s *Str) Const() (string, bool) {
	if s.parts != nil {
		return "", false
	}
	return s.lit, true
}

// Source gives the string as it stands in the script, variables by their names.
func (s *Str) Source() string { return s.lit }

// maxValue bounds the bytes that a string with variables grows to.
const maxValue = 1 << 20

// Eval gives the value.
func (s *Str) Eval(r *Run) string {
	switch {
	case s.parts == nil:
		return s.lit
	case len(s.parts) == 1:
		return s.parts[0].Value(r)
	}
	var few [8]string
	all, size := few[:0], 0
	for _, p := range s.parts {
		if size > maxValue {
			break
		}
		v := p.Literal
		if p.Value != nil {
			v = p.Value(r)
		}
		all, size = append(all, v), size+len(v)
	}
	_ = r.Spend(size) // the step after it tells
	return strings.Join(all, "")
}

// Strs is a string-list argument.
type Strs []*Str

// Const gives the values where all are known at compile time.
func (l Strs) Const() ([]string, bool) {
	out := make([]string, len(l))
	for i, s := range l {
		if s.parts != nil {
			return nil, false
		}
		out[i] = s.lit
	}
	return out, true
}

// maxValues bounds the bytes of a list's strings with variables together.
const maxValues = 16 << 20

// Eval gives the values. The run ends where they are too large.
func (l Strs) Eval(r *Run) []string {
	out, size := make([]string, len(l)), 0
	for i, s := range l {
		out[i] = s.Eval(r)
		if s.parts == nil {
			continue
		}
		if size += len(out[i]); size > maxValues {
			if r.over == nil {
				r.over = r.resource("the strings of a list are larger than %d bytes together", maxValues)
			}
			break
		}
	}
	return out
}

// makeStr applies the string passes in effect to a literal of the script.
func (c *Compiler) makeStr(a *syntax.Arg) (*Str, error) {
	if len(c.passes) == 0 {
		return c.literal(a.Pos, a.Str), nil
	}
	c.strPos = a.Pos
	parts := []Part{{Literal: a.Str}}
	for _, pass := range c.passes {
		var next []Part
		for _, p := range parts {
			if p.Value != nil {
				next = append(next, p)
				continue
			}
			more, err := pass.Parse(c, p.Literal)
			if err != nil {
				return nil, c.Errorf(a.Pos, "%w", err)
			}
			next = append(next, more...)
		}
		parts = next
	}
	s := joinParts(a.Pos, parts)
	if s.parts != nil {
		s.lit = a.Str
	}
	return s, nil
}

// joinParts merges neighbouring literals; a string of literals alone is constant.
func joinParts(pos Pos, parts []Part) *Str {
	var out []Part
	for _, p := range parts {
		if n := len(out); p.Value == nil && n > 0 && out[n-1].Value == nil {
			out[n-1].Literal += p.Literal
			continue
		}
		if p.Value != nil || p.Literal != "" {
			out = append(out, p)
		}
	}
	switch {
	case len(out) == 0:
		return Literal(pos, "")
	case len(out) == 1 && out[0].Value == nil:
		return Literal(pos, out[0].Literal)
	}
	return &Str{Pos: pos, parts: out}
}

// Truncate cuts a value at a character's border to at most size bytes.
func Truncate(s string, size int) string {
	if len(s) <= size {
		return s
	}
	for size > 0 && !utf8.RuneStart(s[size]) {
		size--
	}
	return s[:size]
}
