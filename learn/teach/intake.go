package teach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/learn"
	"dovetail/learn/queue"
)

const (
	unreadAfter = 10 * time.Second // a lesson that could not be looked at is tried again
	accountFor  = time.Minute      // what the user database said is believed
	lookupLimit = 2 * time.Second  // of one look-up
	mostFaults  = 1                // look-ups that may fail at one look at the queue
)

// read takes in what is new in the queue, and forgets what others have taken off it.
func (t *Teacher) read(ctx context.Context) {
	ids, err := t.Queue.IDs()
	if err != nil {
		if t.queueErr != err.Error() { // not every second
			t.Log.Problem(err)
		}
		t.queueErr = err.Error()
		return
	}
	t.queueErr = ""
	t.compare(ids)
	now := t.Now()
	faults := 0
	for _, id := range ids {
		if again, ok := t.unread[id]; t.lessons[id] != nil || t.damaged[id] || ok && now.Before(again) {
			continue
		}
		if faults >= mostFaults || ctx.Err() != nil {
			t.unread[id] = now
			continue
		}
		delete(t.unread, id)
		err := t.readOne(ctx, id)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Log.Problem(fmt.Errorf("lesson %s waits: %w", id, err))
			t.unread[id] = now.Add(unreadAfter)
			faults++
		}
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
	for id := range t.damaged {
		if !there[id] {
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
	if entry.Err != nil {
		t.damaged[id] = true
		t.Log.Problem(fmt.Errorf("lesson %s stays in the queue until it is dropped: %w", id, entry.Err))
		return nil
	}
	l := &lesson{Lesson: entry.Lesson, id: id, size: entry.Size}
	if now := t.Now(); l.At.After(now) {
		l.At = now
	}
	if err := t.identify(l); err != nil {
		return err
	}
	if t.Now().Sub(l.At) > t.MaxAge {
		t.discard(l, Lost, "it could not be taught in time")
		return nil
	}
	reason, err := t.mayTeach(ctx, l, entry)
	if err != nil {
		return err
	}
	if reason != "" {
		t.discard(l, Denied, reason)
		return nil
	}
	t.admit(l)
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

// account is what the user database said.
type account struct {
	name  string
	uid   uint32
	err   error // permanent: there is no such user
	until time.Time
}

// mayTeach gives the lesson its user's canonical name, and the reason why its
// owner may not speak for that user, if so.
func (t *Teacher) mayTeach(ctx context.Context, l *lesson, entry queue.Entry) (reason string, err error) {
	owner := entry.Owner
	if t.trusts(owner) && l.By != nil {
		owner = *l.By
	}
	trusted := t.trusts(owner)
	if l.User == "" || t.User == nil {
		if !trusted {
			return fmt.Sprintf("uid %d may not speak for all users", owner), nil
		}
		return "", nil
	}
	a, err := t.account(ctx, l.User)
	switch {
	case err != nil:
		return "", err
	case a.err == nil && (trusted || a.uid == owner):
		l.User = a.name
		return "", nil
	case trusted: // the back ends may know who that is
		return "", nil
	case a.err != nil:
		return fmt.Sprintf("uid %d gave it: %v", owner, a.err), nil
	}
	return fmt.Sprintf("uid %d gave it, and the user's uid is %d", owner, a.uid), nil
}

// trusts tells whether a uid may speak for all users.
func (t *Teacher) trusts(uid uint32) bool { return uid == 0 || uid == t.UID }

func (t *Teacher) account(ctx context.Context, user string) (account, error) {
	now := t.Now()
	if a, ok := t.users[user]; ok && now.Before(a.until) {
		return a, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	a := account{until: now.Add(accountFor)}
	a.name, a.uid, a.err = t.User(ctx, user)
	if a.err != nil && !mailerr.IsPermanent(a.err) {
		return account{}, fmt.Errorf("asking who %q is: %w", user, a.err)
	}
	for name, old := range t.users { // those that nobody asks for any more
		if now.After(old.until) {
			delete(t.users, name)
		}
	}
	t.users[user] = a
	return a, nil
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
	t.lessons[l.id], t.last[l.subject()] = l, l
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
	t.lessons[l.id] = l
	t.done(l)
}

// drop forgets a lesson that is in the queue no more.
func (t *Teacher) drop(l *lesson) {
	l.stop()
	t.forget(l)
}

func (t *Teacher) forget(l *lesson) {
	delete(t.lessons, l.id)
	if t.last[l.subject()] == l {
		delete(t.last, l.subject())
	}
}

// done takes a lesson off the queue when all back ends are done with it.
func (t *Teacher) done(l *lesson) {
	for _, j := range l.jobs {
		if !j.done {
			return
		}
	}
	if t.last[l.subject()] == l {
		delete(t.last, l.subject())
	}
	if t.lessons[l.id] == l {
		t.leaving = append(t.leaving, l.id)
	}
}

// leave takes lessons off the queue. Those that cannot be are tried again.
func (t *Teacher) leave() {
	if len(t.leaving) == 0 {
		return
	}
	if err := t.Queue.Remove(t.leaving...); err != nil {
		t.Log.Problem(err)
		return
	}
	for _, id := range t.leaving {
		delete(t.lessons, id)
	}
	t.leaving = nil
}

// expire gives up what could not be taught for too long.
func (t *Teacher) expire() {
	now := t.Now()
	for _, l := range t.lessons {
		if now.Sub(l.At) <= t.MaxAge {
			continue
		}
		for _, j := range l.jobs {
			if j.done || j.running {
				continue
			}
			j.lane.finish(j)
			reason := "never tried"
			if j.lane.lastErr != nil {
				reason = j.lane.lastErr.Error()
			}
			j.lane.outcomes[Lost]++
			t.event(l, j.lane.pupil.Backend.Name(), Lost, reason, 0)
			t.done(l)
		}
	}
}

func (t *Teacher) event(l *lesson, backend string, outcome learn.Outcome, reason string, took time.Duration) {
	t.Log.Event(Event{
		ID: l.id, Lesson: l.Lesson, Hash: l.hash, MessageID: l.messageID,
		Backend: backend, Outcome: outcome, Reason: reason, Took: took,
	})
}
