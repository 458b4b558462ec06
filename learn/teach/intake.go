package teach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"dovetail/learn"
	"dovetail/learn/queue"
)

// unreadAfter is when a lesson that could not be looked at is tried again.
const unreadAfter = 10 * time.Second

// read takes in what is new in the queue, and forgets what others have taken off it.
func (t *Teacher) read(ctx context.Context) {
	ids, err := t.Queue.IDs()
	if err != nil {
		t.tell(err)
		return
	}
	t.compare(ids)
	t.eachGiver(func(g *giver) { g.looked = 0 })
	t.waited = 0
	now := t.Now()
	var first error
	waiting := 0
	for _, id := range ids {
		if t.known(id, now) {
			continue
		}
		if ctx.Err() != nil {
			t.unread[id] = now
			continue
		}
		t.unhold(id)
		delete(t.unread, id)
		err := t.readOne(ctx, id)
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, errLater):
			t.unread[id] = now
		default:
			t.unread[id] = now.Add(unreadAfter)
			first = cmp.Or(first, fmt.Errorf("lesson %s waits: %w", id, err))
			waiting++
		}
	}
	if waiting > 1 {
		first = fmt.Errorf("%w (and %d other lessons wait)", first, waiting-1)
	}
	t.tell(first)
}

// known tells whether there is nothing to find out about a lesson now.
func (t *Teacher) known(id string, now time.Time) bool {
	if t.lessons[id] != nil {
		return true
	}
	if _, ok := t.damaged[id]; ok {
		return true
	}
	s, held := t.held[id]
	return held && !t.room(s) || now.Before(t.unread[id])
}

// tell tells of a problem with the queue, but not the same again and again.
func (t *Teacher) tell(err error) {
	switch {
	case err == nil && len(t.unread) == 0:
		t.problem = ""
	case err != nil && t.problem != err.Error():
		t.problem = err.Error()
		t.Log.Problem(err)
	}
}

// compare forgets lessons that are not among ids.
func (t *Teacher) compare(ids []string) {
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		there[id] = true
	}
	for id, l := range t.lessons {
		if !there[id] {
			t.drop(l)
		}
	}
	for id := range t.unread {
		if !there[id] {
			delete(t.unread, id)
		}
	}
	for id := range t.held {
		if !there[id] {
			t.unhold(id)
		}
	}
	for id, s := range t.damaged {
		if !there[id] {
			s.take(-1)
			delete(t.damaged, id)
		}
	}
}

// readOne takes in a lesson.
func (t *Teacher) readOne(ctx context.Context, id string) error {
	entry, err := t.Queue.Entry(id)
	if err != nil {
		return err
	}
	s := t.shareOf(entry)
	if !t.room(s) {
		t.hold(id, s)
		return nil
	}
	if s.giver != nil {
		s.giver.looked += s.cost
	}
	l := &lesson{Lesson: entry.Lesson, id: id, size: entry.Size, share: s}
	if now := t.Now(); l.At.After(now) {
		l.At = now
	}
	switch {
	case errors.Is(entry.Err, queue.ErrDamaged):
		t.damaged[id] = s
		s.take(1)
		t.Log.Problem(fmt.Errorf("lesson %s stays in the queue until it is dropped: %w", id, entry.Err))
		return nil
	case errors.Is(entry.Err, queue.ErrTooBig):
		t.discard(l, learn.Refused, entry.Err.Error())
		return nil
	case entry.Err != nil:
		return entry.Err
	}
	return t.receive(ctx, l, entry)
}

// receive takes in a lesson that can be read.
func (t *Teacher) receive(ctx context.Context, l *lesson, entry queue.Entry) error {
	var reason string
	var err error
	late := t.Now().Sub(l.At) > t.MaxAge
	if !late {
		if reason, err = t.mayTeach(ctx, l, entry); err != nil {
			return err
		}
	}
	if err := t.identify(l); err != nil {
		return err
	}
	switch {
	case late:
		t.discard(l, Lost, "it could not be taught in time")
	case reason != "":
		t.discard(l, Denied, reason)
	default:
		t.admit(l)
	}
	return nil
}

// identify reads the message of a lesson.
func (t *Teacher) identify(l *lesson) error {
	_, m, closer, err := t.Queue.Message(l.id)
	if err != nil {
		return err
	}
	defer closer.Close()
	l.messageID, _ = m.Get("Message-ID")
	l.hash, err = learn.HashOf(m)
	return err
}

// admit lets a lesson wait for the back ends, unless a later one does.
func (t *Teacher) admit(l *lesson) {
	if other := t.last[l.subject()]; other != nil {
		if other.At.After(l.At) {
			t.discard(l, Superseded, "by lesson "+other.id)
			return
		}
		t.supersede(other, l)
	}
	t.keep(l)
	t.last[l.subject()] = l
	for _, lane := range t.lanes {
		j := &job{lesson: l, lane: lane}
		l.jobs = append(l.jobs, j)
		lane.add(j)
	}
	t.done(l)
}

// supersede takes back what was not sent yet of a lesson.
func (t *Teacher) supersede(l, by *lesson) {
	t.last[l.subject()] = by
	t.event(l, "", Superseded, "by lesson "+by.id, 0)
	l.stop()
	t.done(l)
}

// stop ends the jobs of a lesson that are not under way.
func (l *lesson) stop() {
	for _, j := range l.jobs {
		if !j.running {
			j.lane.finish(j)
		}
	}
}

// discard takes a lesson off the queue that no back end is to hear of.
func (t *Teacher) discard(l *lesson, outcome learn.Outcome, reason string) {
	t.event(l, "", outcome, reason, 0)
	t.keep(l)
	t.done(l)
}

func (t *Teacher) keep(l *lesson) {
	t.lessons[l.id] = l
	l.share.take(1)
}
