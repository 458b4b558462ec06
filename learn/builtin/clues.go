package builtin

import (
	"cmp"
	"math"
	"slices"
)

// Clue is a token that counted for a verdict.
type Clue struct {
	Token string  // for people: prefix and text
	Spam  float64 // how likely a message with it is spam, between 0 and 1
}

// Clues gives what decided, the strongest first.
func (v Verdict) Clues() []Clue {
	var clues []Clue
	for i, p := range v.spam {
		if math.Abs(p-0.5) >= deviation {
			clues = append(clues, Clue{v.found.name(i), p})
		}
	}
	slices.SortFunc(clues, func(a, b Clue) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Spam-0.5), math.Abs(a.Spam-0.5)), cmp.Compare(a.Token, b.Token))
	})
	return clues[:min(len(clues), maxClues)]
}
