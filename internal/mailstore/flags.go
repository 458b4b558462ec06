package mailstore

import (
	"slices"
	"strings"
)

// HasFlag tells whether flag is among flags, in any case of letters.
func HasFlag(flags []string, flag string) bool {
	return slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, flag) })
}

// MergeFlags makes the change from before to after on the flags that a message
// has now.
func MergeFlags(now, before, after []string) []string {
	var out []string
	for _, f := range now {
		if HasFlag(after, f) || !HasFlag(before, f) {
			out = append(out, f)
		}
	}
	for _, f := range after {
		if !HasFlag(before, f) && !HasFlag(out, f) {
			out = append(out, f)
		}
	}
	return out
}
