package watch

import (
	"context"

	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/rule"
)

// search looks for the messages that left the junk folders in other folders: a
// message with the same hash, where it is known, or else the file itself under a new name.
func (l *look) search(ctx context.Context) ([]arrival, error) {
	files, hashes := map[fileKey]int{}, map[[hashSize]byte]int{}
	for i, r := range l.left {
		files[fileKey{r.inode, r.mtime}] = i
		if !lacksHash(r.record) && r.hash != unreadable {
			hashes[r.hash] = i
		}
	}
	var found, compare []arrival
	add := func(a arrival, i int) {
		r := l.left[i]
		delete(files, fileKey{r.inode, r.mtime})
		delete(hashes, r.hash)
		a.change.From = r.from
		found = append(found, a)
	}
	err := l.eachNew(ctx, func(a arrival) {
		info, err := a.glance.Stat(a.name)
		if err != nil {
			l.warn(err)
			return
		}
		i, ok := files[fileKey{inodeOf(info), info.ModTime().UnixNano()}]
		switch {
		case ok && lacksHash(l.left[i].record):
			add(a, i)
		case len(compare) < maxCompared || ok:
			compare = append(compare, a)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, a := range compare {
		if len(hashes) == 0 || ctx.Err() != nil {
			break
		}
		if i, ok := hashes[l.hashOf(ctx, a.glance, a.name)]; ok {
			add(a, i)
		}
	}
	return found, ctx.Err()
}

// eachNew gives the messages that came into folders where they would teach ham
// since the last look at what they may have left.
func (l *look) eachNew(ctx context.Context, f func(arrival)) error {
	if len(l.left) == 0 {
		return nil
	}
	since := l.start
	for _, r := range l.left {
		if at := l.since(r.from); at.Before(since) {
			since = at
		}
	}
	for _, glance := range l.glances {
		to := glance.Mailbox()
		change := rule.Change{Said: learn.Ham, Cause: rule.Copy, Off: l.off, From: l.left[0].from, To: to}
		change.Size = l.watcher.Rules.MinSize // which is not known yet
		if glance.Changed.Before(since.Add(-clockSlack)) || l.watcher.Rules.Decide(change).Class != learn.Ham {
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
			if isNew(name, since) {
				f(arrival{change: change, glance: glance, name: name})
			}
		}
	}
	return nil
}

// acceptRescued remembers the message, so that its return is somebody's act too.
func (l *look) acceptRescued(_ arrival, _ *message.Message, hash learn.Hash) (why string, filed bool) {
	l.rescue(hash)
	return "", false
}
