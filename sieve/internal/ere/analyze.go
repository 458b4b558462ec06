package ere

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// Never tells of a valid expression that no value at all matches it: an anchor
// stands where something must be before the start or after the end ("a^b").
func Never(expr string) bool {
	out, err := (&translator{src: expr}).translate()
	if err != nil {
		return false
	}
	re, err := syntax.Parse(out, syntax.Perl|syntax.DotNL)
	return err == nil && never(re, false, false)
}

// never tells whether nothing matches re; before and after tell that at least one
// character is matched before and after it.
func never(re *syntax.Regexp, before, after bool) bool {
	switch re.Op {
	case syntax.OpNoMatch:
		return true
	case syntax.OpBeginText:
		return before
	case syntax.OpEndText:
		return after
	case syntax.OpCapture, syntax.OpPlus:
		return never(re.Sub[0], before, after)
	case syntax.OpRepeat:
		return re.Min > 0 && never(re.Sub[0], before, after)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !never(sub, before, after) })
	case syntax.OpConcat:
		for i, sub := range re.Sub {
			if never(sub, before || slices.ContainsFunc(re.Sub[:i], consumes), after || slices.ContainsFunc(re.Sub[i+1:], consumes)) {
				return true
			}
		}
	}
	return false
}

// consumes tells whether every match of re has at least one character.
func consumes(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return consumes(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min > 0 && consumes(re.Sub[0])
	case syntax.OpConcat:
		return slices.ContainsFunc(re.Sub, consumes)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !consumes(sub) })
	}
	return false
}

// Always tells of a valid expression that every value matches it ("x*"). It tries
// values that have little in common, and so may be wrong for an expression that
// names them all.
func Always(expr string) bool {
	out, err := (&translator{src: expr}).translate()
	if err != nil {
		return false
	}
	re, err := regexp.Compile("(?s)" + out)
	if err != nil {
		return false
	}
	var ascii strings.Builder
	for c := ' '; c <= '~'; c++ {
		ascii.WriteRune(c)
	}
	values := []string{"", "\x01", "é\u4e2d", ascii.String(), strings.Repeat("qz", 500)}
	return !slices.ContainsFunc(values, func(v string) bool { return !re.MatchString(v) })
}
