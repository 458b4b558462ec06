// Package rule decides what a change teaches: a message that was moved, copied or
// appended to a folder, or got a flag.
//
// Folders are of four kinds, known by name or by special use (RFC 6154), each with
// the folders below it; where two names fit, the longer one counts.
//
//	junk     what comes into one is spam, what leaves one is ham
//	trash    what comes into one teaches nothing: spam is deleted, too
//	ignored  Sent, Drafts: what comes from there or goes there teaches nothing
//	other    INBOX and all the rest
//
// So a message is spam when it comes into a junk folder from anywhere but another
// junk folder and an ignored one, and ham when it goes from a junk folder to any of
// the others. The flag $Junk makes spam of a message, $NotJunk ham, in every folder
// that is neither trash nor ignored. All else teaches nothing.
//
// Somebody may say what the message is (learn-spam, learn-ham). Then the rules only
// leave out: what goes to the trash, within junk, from or to an ignored folder, and
// what is the contrary of that which the folders say. A folder that is not known
// leaves nothing out.
//
// A site's script may teach what it marks as spam at delivery. When the mark comes
// from our own classifier, nobody has said anything: a class that is that
// classifier's verdict at the delivery under way is left out, or it would confirm
// itself for ever. A mark that another filter gave, against our verdict, counts.
package rule

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/learn"
)

// OffFile is a file in the home of a user who does not want to teach.
const OffFile = ".dovetail-nolearn"

// Causes of a change, as the imap.cause of imapsieve (RFC 6785 section 4.2). A move
// is a COPY.
const (
	Copy   = "COPY"
	Append = "APPEND"
	Flag   = "FLAG"
)

// ParseCause reads the name of a cause, in any case.
func ParseCause(s string) (string, error) {
	if cause := strings.ToUpper(s); slices.Contains([]string{Copy, Append, Flag}, cause) {
		return cause, nil
	}
	return "", fmt.Errorf("cause %q: wanted copy, append or flag", s)
}

// Change is what happened to a message. What is not known is empty.
type Change struct {
	Said  learn.Class // what somebody said that the message is; None: find out
	Cause string      // Copy, Append or Flag
	From  string      // folder that it came from
	To    string      // folder that it is in now
	Flags []string    // that it got
	Size  int64       // in bytes
	Found learn.Class // our own classifier's verdict, at a delivery; None: it is no delivery, or has none
	Off   bool        // the user does not want to teach: OffFile
}

// Settings are the site's.
type Settings struct {
	Junk   []string // names of folders
	Trash  []string
	Ignore []string
	// Uses are special uses of folders, such as \Junk, by name; \Sent and \Drafts
	// are ignored.
	Uses map[string][]string
	// Separator is that of folder names; empty: both / and . are taken for one.
	Separator string
	Prefix    string // of the namespace, in front of all folders but INBOX
	MinSize   int64  // in bytes; smaller messages are left out
	MaxSize   int64  // in bytes; larger messages are left out; 0: none
}

// Decision is what a change teaches.
type Decision struct {
	Class learn.Class // None: nothing
	Why   string      // a sentence without a dot
}

// Decide decides.
func (s *Settings) Decide(c Change) Decision {
	switch {
	case c.Off:
		return nothing("the user has switched learning off with ~/%s", OffFile)
	case c.Size < s.MinSize:
		return nothing("the message has %d bytes, less than min_size, %d", c.Size, s.MinSize)
	case s.MaxSize > 0 && c.Size > s.MaxSize:
		return nothing("the message has %d bytes, more than max_size, %d", c.Size, s.MaxSize)
	}
	if c.Said != learn.None && c.Said == c.Found {
		return nothing("our own classifier has said %s at this delivery, and must not learn from itself", c.Found)
	}
	d := s.derive(c)
	switch {
	case c.Said == learn.None, d.leaveOut:
		return d.Decision
	case d.Class == c.Said.Other():
		return nothing("%s was said, but %s: %s", c.Said, d.Class, d.Why)
	case d.Class == c.Said:
		return d.Decision
	}
	return Decision{c.Said, fmt.Sprintf("%s was said", c.Said)}
}

func nothing(format string, args ...any) Decision {
	return Decision{learn.None, fmt.Sprintf(format, args...)}
}

// derived is what folders and flags say alone.
type derived struct {
	Decision
	leaveOut bool // whatever somebody said
}

func says(class learn.Class, format string, args ...any) derived {
	return derived{Decision{class, fmt.Sprintf(format, args...)}, false}
}

func leaveOut(format string, args ...any) derived {
	return derived{nothing(format, args...), true}
}

func (s *Settings) derive(c Change) derived {
	from, to := s.kind(c.From), s.kind(c.To)
	switch {
	case to == trash:
		return leaveOut("%s is the trash: what is deleted may be spam or not", c.To)
	case from == ignored:
		return leaveOut("%s is a folder that teaches nothing", c.From)
	case to == ignored:
		return leaveOut("%s is a folder that teaches nothing", c.To)
	case c.Cause == Flag:
		return byFlag(c.Flags)
	case from == junk && to == junk:
		return leaveOut("it stays in junk folders, %s and %s", c.From, c.To)
	case to == junk && c.From == "":
		return says(learn.Spam, "it came into the junk folder %s", c.To)
	case to == junk:
		return says(learn.Spam, "it came from %s into the junk folder %s", c.From, c.To)
	case c.Cause == Append:
		return says(learn.None, "%s is no junk folder, and what is appended comes from none", name(c.To))
	case from == junk && c.To != "":
		return says(learn.Ham, "it went from the junk folder %s to %s", c.From, c.To)
	case c.From == "" || c.To == "":
		return says(learn.None, "it is not known which folders it was in")
	}
	return says(learn.None, "neither %s nor %s is a junk folder", c.From, c.To)
}

// name gives a folder's name for a sentence.
func name(folder string) string {
	if folder == "" {
		return "the folder"
	}
	return folder
}

// byFlag decides by the flags of the IANA registry of IMAP keywords.
func byFlag(flags []string) derived {
	has := func(flag string) bool {
		return slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, flag) })
	}
	switch spam, ham := has("$Junk"), has("$NotJunk"); {
	case spam && ham:
		return leaveOut("it got both $Junk and $NotJunk")
	case spam:
		return says(learn.Spam, "it got the flag $Junk")
	case ham:
		return says(learn.Ham, "it got the flag $NotJunk")
	}
	return says(learn.None, "it got neither $Junk nor $NotJunk")
}
