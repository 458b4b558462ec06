package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Star is the number that * stands for.
const Star = math.MaxUint32

// Set is a set of numbers: 1,5:9,* (RFC 9051 section 9, sequence-set). Its ranges
// ascend and do not touch.
type Set []Range

// Range is a part of a Set, both ends in it.
type Range struct{ From, To uint32 }

// Has tells whether n is in the set.
func (s Set) Has(n uint32) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].To >= n })
	return i < len(s) && n >= s[i].From
}

// disjoint tells whether no number is in both sets.
func (s Set) disjoint(other Set) bool {
	for len(s) > 0 && len(other) > 0 {
		switch {
		case s[0].To < other[0].From:
			s = s[1:]
		case other[0].To < s[0].From:
			other = other[1:]
		default:
			return false
		}
	}
	return true
}

// HasStar tells whether the set names the last message.
func (s Set) HasStar() bool { return s.Has(Star) }

func (s Set) String() string {
	parts := make([]string, len(s))
	for i, r := range s {
		parts[i] = number(r.From)
		if r.From != r.To {
			parts[i] += ":" + number(r.To)
		}
	}
	return strings.Join(parts, ",")
}

func number(n uint32) string {
	if n == Star {
		return "*"
	}
	return strconv.FormatUint(uint64(n), 10)
}

func parseSet(text string) (Set, error) {
	var s Set
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ","), ",") {
		from, to, isRange := strings.Cut(part, ":")
		a, err := parseNumber(from)
		b := a
		if isRange && err == nil {
			b, err = parseNumber(to)
		}
		if err != nil {
			return nil, err
		}
		s = append(s, Range{min(a, b), max(a, b)})
	}
	return s.normal(), nil
}

// normal sorts the ranges and joins those that touch.
func (s Set) normal() Set {
	slices.SortFunc(s, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	out := s[:1]
	for _, r := range s[1:] {
		if last := &out[len(out)-1]; uint64(r.From) <= uint64(last.To)+1 {
			last.To = max(last.To, r.To)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func parseNumber(text string) (uint32, error) {
	if text == "*" {
		return Star, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 || text[0] == '+' {
		return 0, fmt.Errorf("%q is not a number from 1, nor *", text)
	}
	return uint32(min(n, Star-1)), nil
}
