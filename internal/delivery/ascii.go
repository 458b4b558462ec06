package delivery

import (
	"slices"
	"strings"
)

// equalFoldASCII compares without regard to the case of ASCII letters, as IMAP does for INBOX.
func equalFoldASCII(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// union gives the flags of a with those of b that a lacks; flags have no case (RFC 9051 section 2.3.2).
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, f := range b {
		if !slices.ContainsFunc(all, func(have string) bool { return strings.EqualFold(have, f) }) {
			all = append(all, f)
		}
	}
	return all
}
