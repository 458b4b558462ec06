package watch

import (
	"context"
	"errors"
	"slices"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/rule"
	"dovetail/maildir"
)

// fileKey tells a file from others, hard links apart. The time of receipt is a part
// of it because file systems soon use the number of a removed file again.
type fileKey struct {
	inode uint64
	mtime int64
}

// known are messages by what they can be told by.
type known struct {
	files  map[fileKey]bool
	hashes map[[hashSize]byte]bool
}

// knownOf gives all messages of a state.
func knownOf(s *state) known {
	k := known{map[fileKey]bool{}, map[[hashSize]byte]bool{}}
	for _, b := range s.Boxes {
		for _, r := range b.Seen {
			k.files[fileKey{r.inode, r.mtime}] = true
			if r.hash != [hashSize]byte{} {
				k.hashes[r.hash] = true
			}
		}
	}
	return k
}

// junk compares a junk folder with what was seen of it.
func (l *look) junk(ctx context.Context, glance *maildir.Glance, keywords letters, old, seen *box) error {
	before := map[uint64]record{}
	for _, r := range old.records() {
		before[r.name] = r
	}
	var arrived []arrival
	for name, err := range glance.Names(ctx) {
		if err != nil {
			return err
		}
		r, ok := before[nameHash(name.Base)]
		had := r.marks
		if !ok {
			info, err := glance.Stat(name)
			if err != nil {
				l.warn(err)
				continue // it is seen under its next name
			}
			r = record{name: nameHash(name.Base), inode: inodeOf(info), mtime: info.ModTime().UnixNano()}
		}
		r.marks = keywords.marks(name) | had&deleted // who left has left
		seen.Seen = append(seen.Seen, r)
		if ok {
			l.mark(glance, name, had, r.marks)
		} else if r.marks&deleted == 0 && isNew(name, l.since(glance.Mailbox())) && !l.known.files[fileKey{r.inode, r.mtime}] {
			arrived = append(arrived, arrival{glance: glance, name: name})
		}
	}
	sortRecords(seen)
	for _, a := range arrived {
		a.record = seen.find(nameHash(a.name.Base))
		a.change = rule.Change{Said: learn.Spam, Cause: rule.Copy, To: glance.Mailbox()}
		l.arrived = append(l.arrived, a)
	}
	l.leave(glance.Mailbox(), slices.DeleteFunc(slices.Clone(old.records()), func(r record) bool {
		now := seen.find(r.name)
		return now != nil && now.marks&deleted == 0
	}))
	return nil
}

func sortRecords(b *box) {
	slices.SortFunc(b.Seen, func(a, b record) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
}

// records gives the records of a box that may be nil.
func (b *box) records() records {
	if b == nil {
		return nil
	}
	return b.Seen
}

// find gives the record of a name, nil for none. The records are sorted.
func (b *box) find(name uint64) *record {
	if b == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(b.Seen, name, func(r record, name uint64) int {
		switch {
		case r.name < name:
			return -1
		case r.name > name:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &b.Seen[i]
}

// leave notes messages that are not in a junk folder any more. Those that were
// flagged \Deleted before left at that time.
func (l *look) leave(from string, gone records) {
	for _, r := range gone {
		if r.marks&deleted == 0 {
			l.left = append(l.left, leaving{r, from})
		}
	}
}

// acceptArrived wants what somebody has moved into a junk folder.
func (l *look) acceptArrived(a arrival, m *message.Message, hash learn.Hash) (why string, filed bool) {
	if l.known.hashes[shortHash(hash)] {
		return "it was in a junk folder before", false
	}
	if l.watcher.Filed {
		return "", false
	}
	if wasFiled(a.name, time.Unix(0, a.record.mtime)) {
		why = "it was delivered into the folder"
	} else if field := l.watcher.calledSpam(m); field != "" && !slices.Contains(l.old.Rescued, hash.String()) {
		why = field + " calls it spam already"
	}
	if why != "" {
		l.report.Filed++
	}
	return why, why != ""
}

// hashSome reads some of the messages whose hash is not known yet.
func (l *look) hashSome(ctx context.Context) error {
	n := 0
	for _, glance := range l.glances {
		b := l.new.Boxes[glance.Mailbox()]
		if b == nil || !l.watcher.Rules.IsJunk(glance.Mailbox()) || !slices.ContainsFunc(b.Seen, lacksHash) {
			continue
		}
		for name, err := range glance.Names(ctx) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				l.warn(err)
				break
			}
			r := b.find(nameHash(name.Base))
			if r == nil || !lacksHash(*r) || r.marks&deleted != 0 {
				continue
			}
			if n++; n > maxHashed {
				return nil
			}
			l.changed = true
			r.hash = l.hashOf(ctx, glance, name)
		}
	}
	return nil
}

func lacksHash(r record) bool { return r.hash == [hashSize]byte{} }

// unreadable is the hash of what has none, and of what is too big to be taught.
var unreadable = [hashSize]byte{0: 1}

// hashOf reads a message.
func (l *look) hashOf(ctx context.Context, glance *maildir.Glance, name maildir.Name) [hashSize]byte {
	m, closer, err := l.open(ctx, glance, name)
	if errors.Is(err, errTooBig) {
		return unreadable
	}
	if err != nil {
		l.warn(err)
		return unreadable
	}
	defer closer.Close()
	h, err := learn.HashOf(m)
	if err != nil {
		l.warn(err)
		return unreadable
	}
	return shortHash(h)
}
