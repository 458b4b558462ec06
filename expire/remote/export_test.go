package remote

import "github.com/emersion/go-imap/v2"

// SetAtOnce makes commands be about fewer messages.
func (a *Account) SetAtOnce(n int) { a.atOnce = n }

// Parts cuts messages into those that one command is about.
func (a *Account) Parts(uids []imap.UID) [][]imap.UID { return a.parts(uids) }
