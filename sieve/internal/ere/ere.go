// Package ere matches POSIX extended regular expressions (IEEE 1003.1 section
// 9.4), as the GNU C library reads them, in time linear in the text.
//
// It translates them for Go's regexp: brackets with a literal backslash,
// repetitions of repetitions, a closing parenthesis that closes nothing. Back
// references do not allow linear time and are refused. \d and \D are digits,
// which the C library does not know and everybody expects.
package ere

import (
	"io"
	"regexp"
	"unicode/utf8"
)

// Text says how the characters of an expression are compared.
type Text struct {
	Fold bool // letters of any case are equal
	// Prefix tells whether value begins with literal, and how many bytes of value that is.
	Prefix func(value, literal string) (n int, ok bool)
	// Index finds literal in value: where (-1: nowhere), and how many bytes that is.
	Index func(value, literal string) (at, n int)
}

// Regexp is a compiled expression, safe for concurrent use.
type Regexp struct {
	plain *plain // where the expression needs no automaton
	re    *regexp.Regexp
	size  int
	cost  int
}

// Compile compiles an expression. The error tells what is wrong with it.
func Compile(expr string, text Text) (*Regexp, error) {
	t := &translator{src: expr, fold: text.Fold}
	out, err := t.translate()
	if err != nil {
		return nil, err
	}
	if p := t.asPlain(text); p != nil {
		return &Regexp{plain: p, size: t.size, cost: t.cost()}, nil
	}
	flags := "(?s)"
	if text.Fold {
		flags = "(?is)"
	}
	re, err := regexp.Compile(flags + out)
	if err != nil {
		return nil, err
	}
	re.Longest() // the longest of the leftmost matches
	return &Regexp{re: re, size: t.size, cost: t.cost()}, nil
}

// Size is how many places the expression has, repetitions counted: the time of
// matching grows with Size times the length of the value.
func (x *Regexp) Size() int { return x.size }

// Cost is how much the expression took to compile: Size, of which each takes some 65
// bytes of memory, and what is in its brackets.
func (x *Regexp) Cost() int { return x.cost }

// Until is asked at each character of a value whether to end the match there.
type Until func() (stop bool)

// Match tells whether the expression matches anywhere in value. It takes more time
// where until is not nil.
func (x *Regexp) Match(value string, until Until) bool {
	switch {
	case x.plain != nil:
		_, _, ok := x.plain.find(value, until)
		return ok
	case until != nil:
		return x.re.MatchReader(&reader{value, until})
	}
	return x.re.MatchString(value)
}

// Find gives the leftmost match and its groups, nil when there is none. A group
// that took no part is empty, and those behind maxGroups are left out.
func (x *Regexp) Find(value string, until Until) []string {
	if x.plain != nil {
		start, end, ok := x.plain.find(value, until)
		if !ok {
			return nil
		}
		return []string{value[start:end]}
	}
	if until == nil {
		return x.re.FindStringSubmatch(value)
	}
	at := x.re.FindReaderSubmatchIndex(&reader{value, until})
	if at == nil {
		return nil
	}
	found := make([]string, len(at)/2)
	for i := range found {
		if at[2*i] >= 0 {
			found[i] = value[at[2*i]:at[2*i+1]]
		}
	}
	return found
}

// reader gives the characters of a value.
type reader struct {
	rest  string
	until Until
}

func (r *reader) ReadRune() (c rune, n int, err error) {
	if r.rest == "" || r.until() {
		return 0, 0, io.EOF
	}
	c, n = utf8.DecodeRuneInString(r.rest)
	r.rest = r.rest[n:]
	return c, n, nil
}

// plain is an expression of text, dots and anchors: the texts between its dots.
type plain struct {
	texts          []string
	atStart, atEnd bool
	text           Text
}

// find finds the first match.
func (p *plain) find(value string, until Until) (start, end int, ok bool) {
	from := 0
	for {
		if until != nil && until() {
			return 0, 0, false
		}
		if !p.atStart {
			n, _ := p.text.Index(value[from:], p.texts[0])
			if n < 0 {
				return 0, 0, false
			}
			from += n
		}
		if end, ok := p.matchAt(value, from); ok {
			return from, end, true
		}
		if from++; p.atStart || from > len(value) {
			return 0, 0, false
		}
	}
}

// matchAt matches at one place of value and tells where the match ends.
func (p *plain) matchAt(value string, at int) (end int, ok bool) {
	for i, text := range p.texts {
		if i > 0 {
			if at == len(value) {
				return 0, false
			}
			_, n := utf8.DecodeRuneInString(value[at:])
			at += n
		}
		n, ok := p.text.Prefix(value[at:], text)
		if !ok {
			return 0, false
		}
		at += n
	}
	return at, !p.atEnd || at == len(value)
}
