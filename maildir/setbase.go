package maildir

import "dovetail/internal/mailstore"

// SetBase gives a prepared message the base name (Found.Base) that it is to have when it
// is published, such as that of another store. The caller sees to it that the mailbox
// has no message of that name.
func (s *Store) SetBase(p mailstore.Pending, base string) { p.(*pending).base = base }
