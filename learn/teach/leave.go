package teach

import (
	"time"

	"dovetail/learn"
)

// drop forgets a lesson that is in the queue no more.
func (t *Teacher) drop(l *lesson) {
	l.stop()
	t.forget(l)
}

func (t *Teacher) forget(l *lesson) {
	if t.lessons[l.id] == l {
		delete(t.lessons, l.id)
		l.share.take(-1)
	}
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
		if t.stuck != err.Error() {
			t.Log.Problem(err)
		}
		t.stuck = err.Error()
		return
	}
	t.stuck = ""
	for _, id := range t.leaving {
		if l := t.lessons[id]; l != nil {
			t.forget(l)
		}
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
