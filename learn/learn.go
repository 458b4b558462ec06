// Package learn teaches spam filters what users move into and out of their junk
// folder.
//
// # Words
//
// A Lesson is one message with the Class that a user gave it. A Backend is a
// classifier that learns: rspamd, SpamAssassin's spamd, bogofilter, any program, or
// our own (packages below). What a back end was taught is noted in a Ledger, by the
// message's Hash, which stays the same wherever a copy of the message is.
//
// # The way of a lesson
//
// It comes from an event (Dovecot's imapsieve calls learn-spam or learn-ham), from
// watching folders, from a spamtrap address, or from bulk training. It is put into a
// queue (package queue) on disk before anything else happens to it, so that
// nobody waits for a classifier. Package teach takes it from there: the last lesson
// about a message is the one that counts, what the ledger says is known is not sent
// again, and a lesson leaves the queue only when each back end has learned it, or
// refused it for good.
//
// # Once
//
// A lesson that was accepted is taught exactly once to each back end. The ledger holds
// an intent while it is being taught; after a crash it is sent again, and the back end
// knows what it has. Only a program that any site may name (package program) may be
// given a lesson twice then.
package learn

import (
	"fmt"
	"time"
)

// Class is what a message is.
type Class string

// The classes. None is that of a message that was never taught.
const (
	None Class = ""
	Spam Class = "spam"
	Ham  Class = "ham"
)

// ParseClass reads "spam" or "ham".
func ParseClass(s string) (Class, error) {
	switch c := Class(s); c {
	case Spam, Ham:
		return c, nil
	}
	return None, fmt.Errorf("class %q: wanted spam or ham", s)
}

// Other gives the other class: Ham for Spam, Spam for Ham, None for None.
func (c Class) Other() Class {
	switch c {
	case Spam:
		return Ham
	case Ham:
		return Spam
	}
	return None
}

// VerdictEnv is the variable in the environment of programs that Sieve scripts run
// at a delivery in which our own classifier's verdict stands: spam, ham or unsure.
const VerdictEnv = "DOVETAIL_VERDICT"

// Origin says how a lesson came to be known.
type Origin string

// The origins.
const (
	Event    Origin = "event"    // an IMAP command, by imapsieve
	Watch    Origin = "watch"    // seen in a folder that is watched
	Spamtrap Origin = "spamtrap" // delivered to a spamtrap address
	Bulk     Origin = "bulk"     // training from folders
	Probe    Origin = "probe"    // dovetail learn selftest
)

// Lesson is what is known about a message to be learned, without the message.
type Lesson struct {
	User   string    `json:"user"` // as the userdb calls it; empty: the site as a whole
	Class  Class     `json:"class"`
	At     time.Time `json:"at"` // when it was given: of two about one message, the later one counts
	Origin Origin    `json:"origin"`

	// By is the uid of who gave it, where the one who put it into the queue did so for
	// somebody else.
	By *uint32 `json:"by,omitempty"`

	// What is known of the event, for rules and for the log. May be empty.
	Cause string `json:"cause,omitempty"` // COPY, APPEND or FLAG, as imap.cause
	From  string `json:"from,omitempty"`  // folder
	To    string `json:"to,omitempty"`    // folder
}
