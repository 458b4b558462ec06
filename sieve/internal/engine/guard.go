package engine

import (
	"slices"
	"strings"

	"dovetail/internal/message"
)

// A script may have thousands of rules that compare the same values with a key
// each. Looking up all that belongs to a rule takes longer than comparing, since
// little of it is in the processor's caches. So a test that compares with constant
// keys, for equality, carries a guard: a few bytes that tell of nearly all such
// tests that they are false, without looking at anything else of them.

// Values gives the values that a test compares with its keys to x, one by one. Its
// error is that of x.Value, or one that ends the script.
type Values func(r *Run, x *Matching) error

// guard is a test's key: the test is false unless a value of the source has its
// hash. A source of 0 stands for no guard.
type guard struct {
	source uint16 // place in Program.sources, from 1
	hash   uint32
}

// source is where several tests take their values from: they depend on the
// message and its envelope alone.
type source struct {
	sourceKey
	values Values
}

// sourceKey tells which sources are the same.
type sourceKey struct {
	command    *Command
	comparator *Comparator
	part       *AddressPart
	names      string // the constant arguments before the keys
}

// maxSources bounds the sources of a script: more of them save nothing.
const maxSources = 32

// guard finds the guard of a test.
func (call *Call) guard() guard {
	m, values := call.match, call.values
	if values == nil || !m.use.hashes() || len(m.keys) != 1 || m.keys[0].make == nil || call.Command.SplitKey != nil {
		return guard{}
	}
	if call.extra != nil && call.extra.fields != nil {
		return guard{} // a tag has put other fields in place
	}
	names, known := call.namesOfValues()
	if !known {
		return guard{}
	}
	key := sourceKey{call.Command, m.use.Comparator, call.AddressPart(), names}
	i := slices.IndexFunc(call.sources, func(s source) bool { return s.sourceKey == key })
	if i < 0 {
		if i = len(call.sources); i == maxSources {
			return guard{}
		}
		call.sources = append(call.sources, source{key, values})
	}
	lit, _ := m.keys[0].str.Const()
	return guard{uint16(i + 1), m.use.Comparator.Hash(lit)}
}

// namesOfValues gives the arguments before the keys as one text, where they are
// constant strings.
func (call *Call) namesOfValues() (names string, known bool) {
	var few [8]string
	list := few[:0]
	for _, a := range call.args[:len(call.args)-1] {
		if len(a.strs) == 0 {
			return "", false
		}
		for _, s := range a.strs {
			lit, known := s.Const()
			if !known || strings.Contains(lit, separator) {
				return "", false
			}
			list = append(list, lit)
		}
	}
	names = strings.Join(list, separator)
	return names, names != ""
}

const separator = "\x00"

// hashes tells whether a value that matches a key has the same hash as the key.
func (u *MatchUse) hashes() bool { return u.Type.Exact && u.Comparator.Hash != nil }

// seenValues are the hashes of a source's values, as a Bloom filter of one hash.
type seenValues struct {
	of   *message.Message
	bits [16]uint64
}

func (s *seenValues) add(hash uint32)      { s.bits[hash>>6%16] |= 1 << (hash % 64) }
func (s *seenValues) has(hash uint32) bool { return s.bits[hash>>6%16]&(1<<(hash%64)) != 0 }

// rulesOut tells that the guarded test is false. A trace wants to see it run.
func (r *Run) rulesOut(g guard) bool {
	if g.source == 0 || r.env.Trace != nil {
		return false
	}
	if r.seen == nil {
		r.seen = make([]seenValues, len(r.program.sources))
	}
	s := &r.seen[g.source-1]
	if s.of != r.msg {
		src := &r.program.sources[g.source-1]
		*s = seenValues{}
		r.matching = Matching{r: r, collect: s, hash: src.comparator.Hash}
		if err := src.values(r, &r.matching); err != nil {
			return false // the test meets it too
		}
		s.of = r.msg
	}
	return !s.has(g.hash)
}

// Comparing makes the test that compares values with the call's keys; its command
// has Match set. The values depend on nothing but the arguments before the keys,
// the address part, the Fields, the message and its envelope.
func (call *Call) Comparing(values Values) Cond {
	m := call.match
	call.values = values
	return func(r *Run) (bool, error) {
		r.matching = m.Begin(r)
		return r.matching.End(values(r, &r.matching))
	}
}

// HashOctets gives equal numbers for equal strings (FNV-1a).
func HashOctets(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h ^ h>>15
}

// HashASCII does so for strings that EqualASCII has for equal.
func HashASCII(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(lower(s[i]))) * 16777619
	}
	return h ^ h>>15
}
