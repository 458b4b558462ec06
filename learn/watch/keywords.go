package watch

import (
	"context"
	"syscall"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/rule"
	"dovetail/maildir"
)

// letters are those of a mailbox for what matters here; 0 for what none has.
type letters struct{ junk, notJunk byte }

// The keywords of IANA's registry (RFC 9051 section 2.3.2). Others are set by
// clients without their users.
const (
	junkKeyword    = "$Junk"
	notJunkKeyword = "$NotJunk"
	deletedLetter  = 'T'
)

func lettersOf(l *maildir.Glance) (found letters) {
	if c, ok := l.Letter(junkKeyword); ok {
		found.junk = c
	}
	if c, ok := l.Letter(notJunkKeyword); ok {
		found.notJunk = c
	}
	return found
}

func (l letters) none() bool { return l.junk == 0 && l.notJunk == 0 }

// marks gives the marks of a name.
func (l letters) marks(n maildir.Name) (m marks) {
	if n.Has(deletedLetter) {
		m |= deleted
	}
	if l.junk != 0 && n.Has(l.junk) {
		m |= junk
	}
	if l.notJunk != 0 && n.Has(l.notJunk) {
		m |= notJunk
	}
	return m
}

// other looks for keywords in a mailbox that is no junk folder. Only messages that
// have one are kept.
func (l *look) other(ctx context.Context, glance *maildir.Glance, keywords letters, old, seen *box) error {
	for name, err := range glance.Names(ctx) {
		if err != nil {
			return err
		}
		m := keywords.marks(name) &^ deleted
		if m == 0 {
			continue
		}
		r := record{name: nameHash(name.Base), marks: m}
		seen.Seen = append(seen.Seen, r)
		had := marks(0)
		if old == nil && !isNew(name, l.since(glance.Mailbox())) {
			had = m // a folder that was renamed or restored
		} else if before := old.find(r.name); before != nil {
			had = before.marks
		}
		l.mark(glance, name, had, m)
	}
	sortRecords(seen)
	return nil
}

// mark notes a message that got a keyword.
func (l *look) mark(glance *maildir.Glance, name maildir.Name, had, has marks) {
	class, flag := learn.None, ""
	switch got := (has &^ had) & (junk | notJunk); {
	case has&junk != 0 && has&notJunk != 0: // who knows
	case got&junk != 0:
		class, flag = learn.Spam, junkKeyword
	case got&notJunk != 0:
		class, flag = learn.Ham, notJunkKeyword
	}
	if class == learn.None {
		return
	}
	box := glance.Mailbox()
	a := arrival{glance: glance, name: name,
		change: rule.Change{Said: class, Cause: rule.Flag, From: box, To: box, Flags: []string{flag}}}
	if isNew(name, l.since(box)) {
		info, err := glance.Stat(name)
		if err != nil {
			l.warn(err)
			return
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			a.renamed = time.Unix(st.Ctim.Unix())
		}
	}
	l.marked = append(l.marked, a)
}

// acceptMarked wants what somebody gave the keyword to. A message that came since the
// last look may have had it from the beginning.
func (l *look) acceptMarked(a arrival, m *message.Message, _ learn.Hash) (why string, filed bool) {
	if !isNew(a.name, l.since(a.glance.Mailbox())) || a.change.Said == learn.Spam && l.watcher.Filed {
		return "", false
	}
	if field := l.watcher.calledSpam(m); a.change.Said == learn.Spam && field != "" {
		return field + " calls it spam already", true
	}
	if named, ok := nameTime(a.name.Base); !ok || a.renamed.Sub(named) <= filedWithin {
		return "it had the keyword when it came", true
	}
	return "", false
}
