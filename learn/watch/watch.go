// Package watch teaches by state: it looks at users' mailboxes now and then, and
// gives lessons for what has changed since the last look. So it also sees what no
// IMAP event tells: clients that work on the Maildir itself, rules that do not
// match, a Dovecot without imapsieve, keywords.
//
// # What it sees
//
//   - A message came into a junk folder: spam.
//   - A message left the junk folders, or is flagged \Deleted there, and turned up in
//     another folder: ham. One that is nowhere was deleted and teaches nothing.
//   - A message got the keyword $Junk or $NotJunk, in any folder: spam, or ham.
//
// Which of it is taught is the matter of package rule: Trash, Sent and Drafts, and
// users who do not want it, are its exceptions. The lesson has the time of the look;
// what an event says later counts more. What both say is taught once, because the
// ledger knows it.
//
// # What is no user's act
//
// A filter that is taught its own verdicts only gets surer of its errors. So
// spam is not taught (unless Watcher.Filed allows it) when
//
//   - the message was delivered into the folder: the time in the name of its
//     file is that of its receipt. A message that is moved or copied over IMAP gets a new
//     name and keeps its time of receipt. Moves within a few seconds of the
//     delivery, and messages that a client appends without their date, look like deliveries.
//   - a filter's header field calls it spam: it was filed by a script, in whatever way,
//     or the filter knows already. Messages that were rescued before are an exception.
//   - it had the keyword when it came.
//
// The first look at a user's mail teaches nothing, nor do messages whose file is
// older than the last look: they were restored from a backup, or the file system was
// away for some time. A folder that cannot be read is told of and keeps no other from
// being looked at; when it can be read again, what has changed meanwhile is found.
//
// # Telling messages
//
// A message in another folder is the same one when it has the same learn.Hash. Of
// messages that were in a junk folder before the first look the hash becomes known
// little by little; until then it has to be the same file (Dovecot copies with hard
// links). Other folders are read only when something left a junk folder, and only their
// files that are newer than the last look. Messages beyond the rules' MaxSize are not read.
//
// # What is kept
//
// A file for each user (States), replaced as a whole after the lessons are in
// the queue. When the process dies between the two, the next look finds the same
// changes again, and the ledger keeps them from being taught twice. It is a
// file and not a table of the database because it belongs to the one process that
// looks at this mail, and has to be there when the database is not. UIDs are not
// looked at, so a new UIDVALIDITY means nothing here.
//
// # Cost
//
// A look at a user whose mail did not change costs two stat(2) for each folder.
// Junk folders are read when a directory of theirs was changed, other folders when
// they have one of the keywords or something left a junk folder.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"dovetail/learn"
	"dovetail/learn/rule"
	"dovetail/maildir"
)

// Watcher looks at mail. It is safe for concurrent use for different users.
type Watcher struct {
	States States
	Rules  *rule.Settings
	// Put puts a lesson into the queue. When it returns, the lesson is there to stay.
	Put func(ctx context.Context, lesson learn.Lesson, message io.Reader) error
	// Filed allows to teach as spam what came into a junk folder by delivery or with
	// a filter's verdict.
	Filed bool
	// ScoreField is the header field of our own verdict, besides those of usual filters.
	ScoreField string
	Now        func() time.Time
}

// Mail is the mail of one user.
type Mail struct {
	User string // as the userdb calls it
	// Off tells whether the user does not want to teach. It is asked with the user's rights
	// when the changes are known: one who moves messages after switching learning off
	// teaches nothing, and what has changed by then is never taught.
	Off   func() bool
	Store *maildir.Store
	Do    func(func() error) error // does something with the user's rights
}

// Report is what a look has found.
type Report struct {
	First    bool // nothing was known of the mail before
	Lessons  []learn.Lesson
	Filed    int       // messages that came into a junk folder, but not by a user's act
	Warnings []error   // what could not be read, and is left out; the last one tells how many more there were
	LeftOut  []LeftOut // changes that teach nothing, at most maxLeftOut
	More     int       // how many more there were
}

// LeftOut is a change that teaches nothing.
type LeftOut struct {
	Lesson learn.Lesson // what it would have been
	Hash   learn.Hash
	Reason string // a sentence without a dot
	Filed  bool   // it was no user's act, as far as can be told
	Took   time.Duration
}

// Look looks at a user's mail once. After an error the next look finds the same
// changes again.
func (w *Watcher) Look(ctx context.Context, mail Mail) (*Report, error) {
	l := &look{watcher: w, mail: mail, start: w.Now(), report: &Report{}}
	var err error
	l.old, err = w.States.load(mail.User)
	if errors.Is(err, errDamaged) {
		l.report.Warnings = append(l.report.Warnings, err)
	} else if err != nil {
		return nil, fmt.Errorf("watching the mail of %s: %w", mail.User, err)
	}
	if l.old == nil {
		l.report.First = true
		l.old = &state{Looked: l.start}
	}
	if err := l.run(ctx); err != nil {
		return nil, fmt.Errorf("watching the mail of %s: %w", mail.User, err)
	}
	if l.untold > 0 {
		l.report.Warnings = append(l.report.Warnings, fmt.Errorf("and %d more that could not be read", l.untold))
	}
	return l.report, nil
}
