package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/rule"
	"dovetail/maildir"
)

// Tolerances, and bounds of what one look does.
const (
	// settleTime is how old a directory's time must be to tell changes after it.
	settleTime = 2 * time.Second
	// clockSlack is how much the clocks of those who name files may differ.
	clockSlack = time.Minute
	// filedWithin is the time from the receipt of a message to its delivery.
	filedWithin = 5 * time.Second
	// maxCompared bounds the messages that are read to find those that left.
	maxCompared = 500
	// maxHashed bounds the old messages of junk folders that are read for their hash.
	maxHashed = 100
	// maxLeftOut bounds what is told of changes that teach nothing.
	maxLeftOut = 200
	// maxRescued bounds the rescued messages that are remembered.
	maxRescued = 500
	// maxWarnings bounds what is told of what cannot be read.
	maxWarnings = 20
)

// look is one look at a user's mail.
type look struct {
	watcher  *Watcher
	mail     Mail
	start    time.Time
	old, new *state
	changed  bool // the new state differs from the old one
	off      bool // the user does not want to teach
	report   *Report

	glances []*maildir.Glance
	arrived []arrival // into junk folders
	marked  []arrival // with a new keyword
	left    []leaving
	known   known // what was in the junk folders
	untold  int   // warnings beyond maxWarnings
}

// arrival is a message that has to do with a change.
type arrival struct {
	change  rule.Change
	glance  *maildir.Glance
	name    maildir.Name
	record  *record   // in the new state; nil when it is not kept
	renamed time.Time // of one with a keyword: when its flags last changed
}

// leaving is a message that is not in its junk folder any more.
type leaving struct {
	record
	from string
}

func (l *look) run(ctx context.Context) error {
	l.new = &state{Version: stateVersion, Looked: l.start, Boxes: map[string]*box{}, Rescued: l.old.Rescued}
	l.known = knownOf(l.old)
	l.changed = l.old.Looked.After(l.start) // the clock went back
	err := l.mail.Do(func() error {
		err := l.survey(ctx)
		l.off = l.mail.Off()
		return err
	})
	if err != nil {
		return err
	}
	if !l.report.First {
		if err := l.teach(ctx); err != nil {
			return err
		}
	}
	if err := l.mail.Do(func() error { return l.hashSome(ctx) }); err != nil {
		return err
	}
	if !l.changed && !l.report.First {
		return nil // the old one says it all
	}
	return l.watcher.States.save(l.mail.User, l.new)
}

// survey reads the mailboxes that have changed.
func (l *look) survey(ctx context.Context) error {
	names, err := l.mail.Store.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := l.visit(ctx, name); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			l.warn(err)
			l.keep(name)
		}
	}
	for name, old := range l.old.Boxes { // those that are gone
		if l.new.Boxes[name] != nil {
			continue
		}
		l.changed = true
		if l.watcher.Rules.IsJunk(name) {
			l.leave(name, old.Seen)
		}
	}
	return nil
}

// visit looks at a mailbox.
func (l *look) visit(ctx context.Context, name string) error {
	glance, err := l.mail.Store.Glance(name)
	if err != nil {
		return err
	}
	if err := l.box(ctx, glance); err != nil {
		return err
	}
	l.glances = append(l.glances, glance)
	return nil
}

// keep keeps what was seen of a mailbox that cannot be read now, so that the look that
// can finds what has changed since.
func (l *look) keep(name string) {
	delete(l.new.Boxes, name)
	if old := l.old.Boxes[name]; old != nil {
		l.new.Boxes[name] = &box{Changed: old.Changed, Seen: old.Seen, Since: l.since(name)}
	}
}

// since gives the time of the last look that could read a mailbox.
func (l *look) since(mailbox string) time.Time {
	at := l.old.Looked
	if b := l.old.Boxes[mailbox]; b != nil && !b.Since.IsZero() {
		at = b.Since
	}
	if at.After(l.start) { // the clock went back
		return l.start
	}
	return at
}

// box compares a mailbox with what was seen of it.
func (l *look) box(ctx context.Context, glance *maildir.Glance) error {
	name := glance.Mailbox()
	isJunk, keywords, old := l.watcher.Rules.IsJunk(name), lettersOf(glance), l.old.Boxes[name]
	if !isJunk && keywords.none() { // kept as an empty one, to know that it was there
		l.changed = l.changed || old == nil || len(old.Seen) > 0
		l.new.Boxes[name] = &box{}
		return nil
	}
	if old != nil && !old.Changed.IsZero() && old.Changed.Equal(glance.Changed) {
		l.new.Boxes[name] = &box{Changed: old.Changed, Seen: old.Seen}
		return nil
	}
	l.changed = true
	seen := &box{}
	if l.start.Sub(glance.Changed) > settleTime {
		seen.Changed = glance.Changed
	}
	l.new.Boxes[name] = seen
	if isJunk {
		return l.junk(ctx, glance, keywords, old, seen)
	}
	return l.other(ctx, glance, keywords, old, seen)
}

// teach gives the lessons that the survey found.
func (l *look) teach(ctx context.Context) error {
	for _, a := range l.arrived {
		if err := l.give(ctx, a, l.acceptArrived); err != nil {
			return err
		}
	}
	for _, a := range l.marked {
		if err := l.give(ctx, a, l.acceptMarked); err != nil {
			return err
		}
	}
	var found []arrival
	err := l.mail.Do(func() (err error) { found, err = l.search(ctx); return err })
	if err != nil {
		return err
	}
	for _, a := range found {
		if err := l.give(ctx, a, l.acceptRescued); err != nil {
			return err
		}
	}
	return nil
}

// accept tells why a message teaches nothing, "" when it does. No user has acted when
// it was filed.
type accept func(a arrival, m *message.Message, h learn.Hash) (why string, filed bool)

// give puts a lesson into the queue, if the rule and accept want it. A message that
// cannot be read is left out, and the queue's error ends the look.
func (l *look) give(ctx context.Context, a arrival, accept accept) error {
	begin := l.watcher.Now()
	lesson := learn.Lesson{User: l.mail.User, Class: a.change.Said, At: l.start, Origin: learn.Watch,
		Cause: a.change.Cause, From: a.change.From, To: a.change.To}
	var m *message.Message
	var closer io.Closer
	err := l.mail.Do(func() (err error) { m, closer, err = l.open(ctx, a.glance, a.name); return err })
	if errors.Is(err, errTooBig) {
		l.leaveOut(LeftOut{Lesson: lesson, Reason: err.Error(), Took: l.watcher.Now().Sub(begin)})
		return nil
	}
	if err != nil {
		l.warn(err)
		return nil
	}
	defer closer.Close()
	hash, err := learn.HashOf(m)
	if err != nil {
		l.warn(err)
		return nil
	}
	if a.record != nil {
		a.record.hash = shortHash(hash)
	}
	a.change.Size, a.change.Off = m.VirtualSize(), l.off
	why, filed := accept(a, m, hash)
	if d := l.watcher.Rules.Decide(a.change); why == "" && d.Class == learn.None {
		why = d.Why
	}
	if why != "" {
		l.leaveOut(LeftOut{Lesson: lesson, Hash: hash, Reason: why, Filed: filed, Took: l.watcher.Now().Sub(begin)})
		return nil
	}
	if err := l.watcher.Put(ctx, lesson, m.Open()); err != nil {
		return err
	}
	l.report.Lessons = append(l.report.Lessons, lesson)
	return nil
}

func (l *look) leaveOut(left LeftOut) {
	if len(l.report.LeftOut) >= maxLeftOut {
		l.report.More++
		return
	}
	l.report.LeftOut = append(l.report.LeftOut, left)
}

// warn notes what could not be read. A message that is gone already is no news.
func (l *look) warn(err error) {
	switch {
	case errors.Is(err, mailstore.ErrNoMessage), errors.Is(err, fs.ErrNotExist):
	case len(l.report.Warnings) < maxWarnings:
		l.report.Warnings = append(l.report.Warnings, err)
	default:
		l.untold++
	}
}

// errTooBig is the error of a message that the rules leave out whatever is in it.
var errTooBig = errors.New("larger than max_size")

// open opens a message. One that is too big is not: it would be read as a whole, while
// the other users wait, and a sparse file can have any size.
func (l *look) open(ctx context.Context, glance *maildir.Glance, n maildir.Name) (*message.Message, io.Closer, error) {
	info, err := glance.Stat(n)
	if err != nil {
		return nil, nil, err
	}
	if most := l.watcher.Rules.MaxSize; most > 0 && info.Size() > most {
		return nil, nil, fmt.Errorf("the message has %d bytes, which is %w, %d", info.Size(), errTooBig, most)
	}
	return l.mail.Store.Open(ctx, glance.Entry(n))
}

// rescue remembers a message that is taught as ham.
func (l *look) rescue(hash learn.Hash) {
	l.changed = true
	l.new.Rescued = append(slices.Clip(l.new.Rescued), hash.String())
	l.new.Rescued = l.new.Rescued[max(0, len(l.new.Rescued)-maxRescued):]
}
