package engine

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
)

// Matcher matches the values of a test against its keys (RFC 5228 section 2.7),
// as the test's match type and comparator say.
type Matcher struct {
	use  *MatchUse
	keys []matchKey
	pos  Pos

	command *Command
}

// matchKey is a key: prepared where it is constant.
type matchKey struct {
	str  *Str
	size int        // bytes of the key, once it is known
	make KeyMatcher // nil: to be made at each run
}

// prepareMatch finds match type and comparator of a call, by default :is and
// i;ascii-casemap, and makes the matcher.
func (call *Call) prepareMatch() error {
	use, pos := MatchUse{}, call.Pos
	matchType, comparator := "is", cmp.Or(call.Command.Comparator, "i;ascii-casemap")
	at := pos
	if t := call.Tag(comparatorTag.Name); t != nil {
		comparator, _ = t.Str().Const()
		at = t.Str().Pos
	}
	if use.Comparator = call.comparatorNamed(comparator); use.Comparator == nil {
		return call.Errorf(at, "unknown comparator '%s'", comparator)
	}
	if t := call.TagOf(groupMatch); t != nil {
		pos, matchType = t.Pos, t.Tag.Name
		if t.Tag.Param != nil {
			use.Param, _ = t.Str().Const()
		}
	}
	use.Type = call.matchTypeNamed(matchType)
	m, err := call.newMatcher(pos, call.sharedUse(use), call.Strs(len(call.Command.Params)-1))
	call.match = m
	return err
}

// sharedUse gives one MatchUse for equal ones that follow each other.
func (c *Compiler) sharedUse(use MatchUse) *MatchUse {
	if c.use == nil || *c.use != use {
		c.use = new(MatchUse)
		*c.use = use
	}
	return c.use
}

// NewMatcher makes a matcher for a command that has not Match set: with a match
// type in effect by its name, a comparator, and any keys.
func (call *Call) NewMatcher(matchType, comparator string, keys ...*Str) (*Matcher, error) {
	use := &MatchUse{Type: call.matchTypeNamed(matchType), Comparator: call.comparatorNamed(comparator)}
	if use.Type == nil || use.Comparator == nil {
		return nil, call.Errorf(call.Pos, "the %s needs the match type :%s and the comparator '%s'",
			call.describe(), matchType, comparator)
	}
	return call.newMatcher(call.Pos, use, keys)
}

// newMatcher prepares the constant keys; pos is where the match type stands.
func (call *Call) newMatcher(pos Pos, use *MatchUse, keys Strs) (*Matcher, error) {
	if use.Type.Check != nil {
		if err := use.Type.Check(call, use); err != nil {
			return nil, call.Errorf(pos, "%w", err)
		}
	}
	m := call.slabs.matchers.New()
	m.use, m.pos, m.command, m.keys = use, call.Pos, call.Command, call.slabs.keys.Slice(len(keys))
	for i, s := range keys {
		var err error
		if m.keys[i], err = call.prepareKey(use, s); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (call *Call) prepareKey(use *MatchUse, s *Str) (matchKey, error) {
	lit, known := s.Const()
	if !known || use.Type.Key == nil {
		return matchKey{str: s}, nil
	}
	if use.Type.CheckKey != nil {
		if err := use.Type.CheckKey(call, use, lit); err != nil {
			return matchKey{}, call.Errorf(s.Pos, "%w", err)
		}
	}
	f, err := call.Command.keyMatcher(call.Compiler, use, lit)
	if err != nil {
		return matchKey{}, call.Errorf(s.Pos, "%w", err)
	}
	return matchKey{str: s, size: len(lit), make: f}, nil
}

// keyMatcher prepares a key. One that stands for several matches where any of those does.
func (cmd *Command) keyMatcher(h Holder, use *MatchUse, key string) (KeyMatcher, error) {
	if cmd.SplitKey == nil {
		return use.Type.Key(h, use, key)
	}
	var parts []KeyMatcher
	for _, k := range cmd.SplitKey(use, key) {
		f, err := use.Type.Key(h, use, k)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f)
	}
	return func(r *Run, value string) bool {
		return slices.ContainsFunc(parts, func(f KeyMatcher) bool { return f(r, value) })
	}, nil
}

// Matcher gives the call's matcher; its command has Match set.
func (call *Call) Matcher() *Matcher { return call.match }

// UsesCount tells whether the match looks at the number of values only.
func (m *Matcher) UsesCount() bool { return m.use.Type.OnCount }

// Matching is a match under way.
type Matching struct {
	m     *Matcher
	r     *Run
	count int
	found bool
	made  []matchKey // for the keys that are not constant, once needed

	collect *seenValues // takes the values instead of matching them
	hash    func(string) uint32
}

// errMatched ends an iteration over values early.
var errMatched = errors.New("matched")

// Begin starts a match.
func (m *Matcher) Begin(r *Run) Matching { return Matching{m: m, r: r} }

// Value matches one more value. The error is not nil as soon as the result
// is known, so that iterations end; End takes it back.
func (x *Matching) Value(v string) error {
	if x.collect != nil {
		x.collect.add(x.hash(v))
		return x.r.Spend(len(v))
	}
	if x.m.use.Type.OnCount {
		x.count++
		return nil
	}
	ok, err := x.match(v)
	if err != nil {
		return err
	}
	if ok {
		x.found = true
		return errMatched
	}
	return nil
}

// End gives the result; err is what ended the iteration over the values.
func (x *Matching) End(err error) (bool, error) {
	if err != nil && err != errMatched {
		return false, err
	}
	if x.m.use.Type.OnCount {
		return x.match(strconv.Itoa(x.count))
	}
	return x.found, nil
}

// Match matches a single value.
func (m *Matcher) Match(r *Run, v string) (bool, error) {
	x := m.Begin(r)
	return x.End(x.Value(v))
}

// match matches a value against the keys in turn.
func (x *Matching) match(v string) (bool, error) {
	use := x.m.use
	if use.Type.OverKeys != nil {
		if err := x.r.Spend(len(v) + 64*len(x.m.keys)); err != nil {
			return false, err
		}
		keys := make([]string, len(x.m.keys))
		for i, k := range x.m.keys {
			keys[i] = k.str.Eval(x.r)
		}
		return use.Type.OverKeys(x.r, use, v, keys)
	}
	for i := range x.m.keys {
		k := &x.m.keys[i]
		if k.make == nil {
			k = x.madeKey(i)
		}
		// Some comparators look at all of a key, however short the value is.
		if err := x.r.Spend(len(v) + k.size + 64); err != nil {
			return false, err
		}
		ok := k.make(x.r, v)
		if x.r.over != nil {
			return false, x.r.over
		}
		if x.r.env.Trace != nil {
			x.trace(v, i, ok)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// madeKey gives the key, prepared, of one that is known only now: once per match.
func (x *Matching) madeKey(i int) *matchKey {
	if x.made == nil {
		x.made = make([]matchKey, len(x.m.keys))
	}
	made := &x.made[i]
	if made.make == nil {
		s := x.m.keys[i].str
		key := s.Eval(x.r)
		f, err := x.m.command.keyMatcher(x.r, x.m.use, key)
		if err != nil { // the script goes on, as with Pigeonhole
			x.r.LogError(s.Pos, "%v", err)
			f = func(*Run, string) bool { return false }
		}
		*made = matchKey{str: s, size: len(key), make: f}
	}
	return made
}
