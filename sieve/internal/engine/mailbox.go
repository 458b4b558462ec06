package engine

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxMailboxName bounds a mailbox name, in bytes (Dovecot: MAILBOX_LIST_NAME_MAX_LENGTH).
const maxMailboxName = 4096

// CheckMailbox tells what is wrong with a mailbox name from a script; nil for
// nothing. Whether a name is possible in the store is the store's to say.
func CheckMailbox(name string) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case !utf8.ValidString(name):
		return errors.New("name is not valid UTF-8")
	case len(name) > maxMailboxName:
		return errors.New("name is too long")
	case strings.ContainsFunc(name, func(c rune) bool { return c < 0x20 || c == 0x7f }):
		return errors.New("name contains control characters")
	}
	return nil
}
