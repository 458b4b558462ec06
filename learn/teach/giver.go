package teach

import (
	"fmt"
	"sync/atomic"

	"dovetail/learn/queue"
)

// giver is a uid that gives lessons and may not speak for all users.
type giver struct {
	taken  int64 // cost of the lessons that are taken in, damaged ones too
	looked int64 // of those that were looked at now
	// waiting is the cost of those that are taken in or held; for Admits, which must not
	// wait for a look at the queue.
	waiting atomic.Int64
}

// share is what a lesson takes of what its giver may; without a giver there is no bound.
type share struct {
	giver *giver
	cost  int64
}

// leastCost is what a lesson costs however small it is, in bytes: about as much is read
// to find out what it is, and it takes memory.
const leastCost = 64 << 10

// giverOf gives the uid that a lesson is from: who put it into the queue, or on whose
// behalf somebody who is trusted did.
func (t *Teacher) giverOf(e queue.Entry) uint32 {
	if t.trusts(e.Owner) && e.Lesson.By != nil {
		return *e.Lesson.By
	}
	return e.Owner
}

// shareOf gives a lesson's share.
func (t *Teacher) shareOf(e queue.Entry) share {
	uid := t.giverOf(e)
	if t.trusts(uid) {
		return share{}
	}
	g, _ := t.givers.LoadOrStore(uid, &giver{})
	return share{g.(*giver), max(e.Size, leastCost)}
}

// room tells whether one more lesson may be taken in now.
func (t *Teacher) room(s share) bool {
	return s.giver == nil || max(s.giver.taken, s.giver.looked) < t.Ahead
}

// take counts a lesson that is taken in, or with -1 one that has left.
func (s share) take(n int64) {
	if s.giver != nil {
		s.giver.taken += n * s.cost
		s.giver.waiting.Add(n * s.cost)
	}
}

// hold keeps a lesson waiting until there is room.
func (t *Teacher) hold(id string, s share) {
	t.held[id] = s
	s.giver.waiting.Add(s.cost)
}

// unhold lets a lesson be looked at.
func (t *Teacher) unhold(id string) {
	if s, ok := t.held[id]; ok {
		s.giver.waiting.Add(-s.cost)
		delete(t.held, id)
	}
}

// eachGiver calls f for all givers.
func (t *Teacher) eachGiver(f func(*giver)) {
	t.givers.Range(func(_, g any) bool { f(g.(*giver)); return true })
}

// more tells whether lessons are held for which there is room at the next look.
func (t *Teacher) more() (more bool) {
	t.eachGiver(func(g *giver) { more = more || g.waiting.Load() > g.taken && g.taken < t.Ahead })
	return more
}

// Admits tells whether a lesson of a uid may be put into the queue on its behalf, by
// somebody whose disk space it then takes. It never waits.
func (t *Teacher) Admits(uid uint32) error {
	g, ok := t.givers.Load(uid)
	if !ok {
		return nil
	}
	if n := g.(*giver).waiting.Load(); n >= t.Waiting {
		return fmt.Errorf("lessons of uid %d with %d MiB wait already, and no more are taken before some are taught", uid, n>>20)
	}
	return nil
}
