package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// systemFlags are the flags with a spelling of their own that a script may set
// (RFC 3501 section 2.3.2).
var systemFlags = []string{`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`}

// canonicalFlags gives system flags in the spelling that mail stores use.
func canonicalFlags(flags []string) []string {
	out := make([]string, len(flags))
	for i, f := range flags {
		out[i] = f
		if sys := slices.IndexFunc(systemFlags, func(sys string) bool { return strings.EqualFold(f, sys) }); sys >= 0 {
			out[i] = systemFlags[sys]
		}
	}
	return out
}

// CheckFlag tells what is wrong with a flag; nil for nothing. What is no system
// flag is a keyword, which is an atom (RFC 3501 section 9).
func CheckFlag(f string) error {
	if strings.HasPrefix(f, `\`) {
		if slices.ContainsFunc(systemFlags, func(sys string) bool { return strings.EqualFold(f, sys) }) {
			return nil
		}
		return fmt.Errorf("unknown system flag %q", f)
	}
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) }
	if f == "" || strings.ContainsFunc(f, bad) {
		return errors.New("a keyword is an IMAP atom")
	}
	return nil
}

// maxFlags bounds the flags of a message: a mailbox has 26 keywords, and each that
// it cannot take is told in the log.
const maxFlags = 256

// AddFlags adds the valid flags of items, each of which may hold several, to a
// copy of old, each once, up to maxFlags; flags have no case (RFC 5232 section 2).
// Items may come from the message, so there may be very many.
func AddFlags(old, items []string) []string {
	flags, have := slices.Clone(old), map[string]bool{}
	for _, f := range old {
		have[strings.ToLower(f)] = true
	}
	for _, item := range items {
		for f := range strings.FieldsSeq(item) {
			if len(flags) >= maxFlags {
				return flags
			}
			if key := strings.ToLower(f); !have[key] && CheckFlag(f) == nil {
				have[key] = true
				flags = append(flags, f)
			}
		}
	}
	return flags
}

// RemoveFlags gives old without the flags of items.
func RemoveFlags(old, items []string) []string {
	gone := map[string]bool{}
	for _, item := range items {
		for f := range strings.FieldsSeq(item) {
			gone[strings.ToLower(f)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(old), func(f string) bool { return gone[strings.ToLower(f)] })
}
