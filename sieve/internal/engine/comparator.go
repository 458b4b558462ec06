package engine

import "fmt"

// Comparator compares strings (RFC 4790; RFC 5228 section 2.7.3). An operation
// that it lacks is nil, and match types that need it refuse the comparator.
type Comparator struct {
	Name    string // as in :comparator
	Equal   func(a, b string) bool
	Hash    func(s string) uint32 // the same for what Equal has for equal; optional
	Compare func(a, b string) int
	// Prefix tells whether value begins with literal, and how many bytes of value that is.
	Prefix func(value, literal string) (n int, ok bool)
	// Index finds literal in value: where (-1: nowhere) and how many bytes of value it takes.
	Index func(value, literal string) (at, n int)
}

// MatchType is a way to match values against keys (RFC 5228 section 2.7.1).
type MatchType struct {
	Name  string // without the colon
	Param *Param // its value (:count "ge")
	// Check refuses a comparator, or anything else about its use.
	Check func(c *Call, u *MatchUse) error
	// Key prepares a key: once while compiling for a constant, else at each run. h is
	// that compilation, or that run.
	Key func(h Holder, u *MatchUse, key string) (KeyMatcher, error)
	// CheckKey looks at a constant key while compiling and may warn (regex, c.Warnf); optional.
	CheckKey func(c *Call, u *MatchUse, key string) error
	// Exact tells that a value matches only a key that the comparator has for equal.
	Exact bool
	// OnCount makes it match the number of values, once, instead of each value.
	OnCount bool
	// OverKeys, where set, matches a value against all keys at once, known only at run time (:list).
	OverKeys func(r *Run, u *MatchUse, value string, keys []string) (bool, error)
}

// KeyMatcher tells whether a value matches the key it was made for. Match
// variables are set through r (RFC 5229 section 3.2).
type KeyMatcher func(r *Run, value string) bool

// MatchUse is one use of a match type: with which comparator, which value for its Param.
type MatchUse struct {
	Type       *MatchType
	Comparator *Comparator
	Param      string
}

// AddressPart takes the part of an address that a test compares (RFC 5228 section 2.7.4).
type AddressPart struct {
	Name string // without the colon
	// Part gives the part of an address, and whether there is one (":detail").
	Part func(h Holder, a *Address) (string, bool)
}

// NeedsSubstrings is the Check of match types that look for parts of a value.
func NeedsSubstrings(_ *Call, u *MatchUse) error {
	if u.Comparator.Prefix == nil || u.Comparator.Index == nil {
		return fmt.Errorf("the specified %s comparator does not support sub-string matching as required by the :%s match type",
			u.Comparator.Name, u.Type.Name)
	}
	return nil
}
