package ext

import "dovetail/sieve/internal/engine"

var _ = engine.Register(&engine.Extension{
	Spec: "RFC 5228 section 2.7.1, :matches",
	MatchTypes: []engine.MatchType{{
		Name:  "matches",
		Check: engine.NeedsSubstrings,
		Key: func(_ engine.Holder, u *engine.MatchUse, key string) (engine.KeyMatcher, error) {
			p := &wildcard{sections: parseWildcard(key), comparator: u.Comparator}
			for _, s := range p.sections {
				n := 16
				for _, piece := range s {
					n += 1 + len(piece.literal)
				}
				p.work = append(p.work, n)
			}
			return p.match, nil
		},
	}},
})

// wildcard is a compiled pattern: sections of pieces, a "*" between each two.
type wildcard struct {
	sections   [][]piece
	work       []int // of looking for each at one place
	comparator *engine.Comparator
}

// piece is a literal, or one "?".
type piece struct {
	literal string
	any     bool
}

// parseWildcard cuts a pattern. A backslash takes the meaning from what follows it.
func parseWildcard(key string) [][]piece {
	sections := [][]piece{nil}
	literal := []byte(nil)
	add := func(p ...piece) {
		last := &sections[len(sections)-1]
		if len(literal) > 0 {
			*last = append(*last, piece{literal: string(literal)})
			literal = literal[:0]
		}
		*last = append(*last, p...)
	}
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case c == '*':
			add()
			sections = append(sections, nil)
		case c == '?':
			add(piece{any: true})
		case c == '\\' && i+1 < len(key):
			i++
			literal = append(literal, key[i])
		default:
			literal = append(literal, c)
		}
	}
	add()
	return sections
}

// match matches a value against the pattern. Every "*" takes as little as it
// can. It sets the match variables: the value, then what each wildcard stood for.
func (w *wildcard) match(r *engine.Run, value string) bool {
	var found []string
	collect := r.WantsCaptures()
	if collect {
		found = append(make([]string, 0, 8), value)
	}
	end, ok := w.section(value, 0, 0, collect, &found)
	if !ok {
		return false
	}
	last := len(w.sections) - 1
	if last == 0 {
		ok = end == len(value)
	}
	for i := 1; i <= last; i++ {
		if end, ok = w.after(r, value, end, i, collect, &found); !ok {
			return false
		}
	}
	if ok && collect {
		r.SetCaptured(found)
	}
	return ok
}

// after matches the i-th section behind a "*" that begins at from: at the first
// place where it fits; the last one at the end of the value.
func (w *wildcard) after(r *engine.Run, value string, from, i int, collect bool, found *[]string) (int, bool) {
	last := i == len(w.sections)-1
	if last && len(w.sections[i]) == 0 {
		if collect {
			*found = append(*found, value[from:])
		}
		return len(value), true
	}
	mark := len(*found)
	for at := from; at <= len(value); at++ {
		if r.Spend(w.work[i]) != nil {
			return 0, false
		}
		if first := w.sections[i]; len(first) > 0 && !first[0].any {
			n, _ := w.comparator.Index(value[at:], first[0].literal)
			if n < 0 {
				return 0, false
			}
			_ = r.Spend(n) // told of at the next place
			at += n
		}
		if collect {
			*found = append((*found)[:mark], value[from:at])
		}
		if end, ok := w.section(value, at, i, collect, found); ok && (!last || end == len(value)) {
			return end, true
		}
	}
	return 0, false
}

// section matches the pieces of the i-th section at a place of value.
func (w *wildcard) section(value string, at, i int, collect bool, found *[]string) (int, bool) {
	for _, p := range w.sections[i] {
		if p.any {
			if at == len(value) {
				return 0, false
			}
			if collect {
				*found = append(*found, value[at:at+1])
			}
			at++
			continue
		}
		n, ok := w.comparator.Prefix(value[at:], p.literal)
		if !ok {
			return 0, false
		}
		at += n
	}
	return at, true
}
