package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Uses gives the special uses of mailboxes (RFC 6154) of special_use, by mailbox.
func (m Mail) Uses() map[string][]string {
	uses := map[string][]string{}
	for _, entry := range m.SpecialUse {
		if mailbox, flags, err := parseSpecialUse(entry); err == nil {
			uses[mailbox] = append(uses[mailbox], flags...)
		}
	}
	return uses
}

// specialUses are those of RFC 6154 section 2 and RFC 8457 section 3.
var specialUses = []string{`\all`, `\archive`, `\drafts`, `\flagged`, `\important`, `\junk`, `\sent`, `\trash`}

// parseSpecialUse reads MAILBOX=FLAG, with more flags behind blanks.
func parseSpecialUse(entry string) (mailbox string, flags []string, err error) {
	i := strings.LastIndexByte(entry, '=')
	if i < 1 {
		return "", nil, errors.New(`expected MAILBOX=FLAG, such as 'Spam=\Junk'`)
	}
	mailbox, flags = entry[:i], strings.Fields(entry[i+1:])
	if len(flags) == 0 {
		return "", nil, errors.New("it names no use")
	}
	for _, f := range flags {
		if !slices.Contains(specialUses, strings.ToLower(f)) {
			return "", nil, fmt.Errorf("unknown use %q", f)
		}
	}
	return mailbox, flags, nil
}

func checkSpecialUse(s string) error {
	if _, _, err := parseSpecialUse(s); err != nil {
		return fmt.Errorf("%q: %w", s, err)
	}
	return nil
}
