package engine

import (
	"errors"
	"unicode/utf8"
)

// CheckMailbox tells what is wrong with a mailbox name from a script; nil for
// nothing. Whether a name is possible in the store is the store's to say.
func CheckMailbox(name string) error {
	if !utf8.ValidString(name) {
		return errors.New("invalid utf-8")
	}
	return nil
}
