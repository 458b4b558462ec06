package teach

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"dovetail/learn"
)

// Teacher drains a queue. One process may drain it at a time: see queue.Lock.
type Teacher struct {
	Options
	wake    chan struct{}
	answers chan answer
	givers  sync.Map // *giver by uid

	mu      sync.Mutex // guards what follows, for Status
	lanes   []*lane
	lessons map[string]*lesson   // by id; those that leave the queue have no jobs left
	last    map[subject]*lesson  // the one that counts
	unread  map[string]time.Time // lessons that could not be looked at, and when they are again
	held    map[string]share     // lessons for which there is no room
	damaged map[string]share
	leaving []string // ids to be removed from the queue
	users   map[string]account
	waited  time.Duration // for look-ups that failed, at this look at the queue
	problem string        // the last one of reading, which is not told every second
	stuck   string        // the same of removing
}

// subject is what a lesson is about.
type subject struct {
	user string
	hash learn.Hash
}

// lesson is a lesson that was read.
type lesson struct {
	learn.Lesson // with the user's canonical name
	id           string
	hash         learn.Hash
	messageID    string
	size         int64
	share        share
	jobs         []*job
}

func (l *lesson) subject() subject { return subject{l.User, l.hash} }

// answer is what a call gave.
type answer struct {
	lane  *lane
	jobs  []*job
	fates []fate
	took  time.Duration
}

// fate is what became of a job.
type fate struct {
	Result
	unread bool // the message could not be read, which is not the back end's fault
	gone   bool // somebody has taken it off the queue
}

// New makes a Teacher.
func New(o Options) *Teacher {
	o.fillIn()
	t := &Teacher{
		Options: o, wake: make(chan struct{}, 1), answers: make(chan answer),
		lessons: map[string]*lesson{}, last: map[subject]*lesson{}, unread: map[string]time.Time{},
		held: map[string]share{}, damaged: map[string]share{}, users: map[string]account{},
	}
	for _, p := range o.Pupils {
		t.lanes = append(t.lanes, &lane{
			pupil: p, retry: o.Retry, desks: map[string]*desk{}, since: o.Now(), outcomes: map[learn.Outcome]int{},
		})
	}
	return t
}

// Wake makes Run look at the queue at once.
func (t *Teacher) Wake() {
	select {
	case t.wake <- struct{}{}:
	default: // it will
	}
}

// Run teaches what is in the queue and what comes until ctx ends; then calls under
// way get the time Grace to end well.
func (t *Teacher) Run(ctx context.Context) { t.run(ctx, false) }

// Drain tries all that is in the queue once and returns how many lessons are left.
func (t *Teacher) Drain(ctx context.Context) int {
	t.run(ctx, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left()
}

// left counts the lessons in the queue.
func (t *Teacher) left() int {
	return len(t.lessons) + len(t.unread) + len(t.held) + len(t.damaged)
}

func (t *Teacher) run(ctx context.Context, once bool) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	tick := time.NewTicker(t.Interval)
	defer tick.Stop()
	running, more := t.look(ctx, work)
	for ctx.Err() == nil && (running > 0 || more || !once) {
		if more {
			t.Wake()
		}
		select {
		case <-ctx.Done():
		case a := <-t.answers:
			running, more = t.took(work, a)
		case <-tick.C:
			running, more = t.look(ctx, work)
		case <-t.wake:
			running, more = t.look(ctx, work)
		}
	}
	t.end(running, cancel)
}

// end waits for calls under way.
func (t *Teacher) end(running int, cancel func()) {
	grace := time.AfterFunc(t.Grace, cancel)
	defer grace.Stop()
	for ; running > 0; running-- {
		t.settle(<-t.answers)
	}
}

// look reads what is new in the queue and sends what can be sent. It tells how many
// calls are under way, and whether there is more to read at once.
func (t *Teacher) look(ctx, work context.Context) (running int, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read(ctx)
	t.expire()
	t.leave()
	return t.send(work), t.more()
}

// took takes an answer and sends what can be sent now.
func (t *Teacher) took(work context.Context, a answer) (running int, more bool) {
	t.settle(a)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.send(work), t.more()
}

// send starts calls, and tells how many are under way.
func (t *Teacher) send(work context.Context) int {
	n := 0
	for _, l := range t.lanes {
		for l.running < t.Workers {
			jobs := l.pick(t.Now(), min(t.Batch, cmp.Or(l.pupil.Most, t.Batch)), t.Bytes)
			if len(jobs) == 0 {
				break
			}
			go func() { t.answers <- t.call(work, l, jobs) }()
		}
		n += l.running
	}
	return n
}

// settle takes over what a call gave.
func (t *Teacher) settle(a answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since, name := a.lane.since, a.lane.pupil.Backend.Name()
	down, up := a.lane.back(t.Now(), a.jobs, a.fates)
	for i, j := range a.jobs {
		switch f := a.fates[i]; {
		case f.gone:
			t.drop(j.lesson)
		case f.Err == nil:
			t.event(j.lesson, name, f.Outcome, f.Reason, a.took)
			t.done(j.lesson)
		case t.last[j.lesson.subject()] != j.lesson: // superseded meanwhile
			a.lane.finish(j)
			t.done(j.lesson)
		case f.unread:
			t.Log.Problem(f.Err)
		}
	}
	if down {
		t.Log.Down(name, a.lane.lastErr)
	}
	if up {
		t.Log.Up(name, t.Now().Sub(since))
	}
	t.leave()
}

// call teaches jobs of one user.
func (t *Teacher) call(ctx context.Context, l *lane, jobs []*job) answer {
	start := t.Now()
	a := answer{lane: l, jobs: jobs, fates: make([]fate, len(jobs))}
	var items []Item
	var places []int
	for i, j := range jobs {
		_, m, closer, err := t.Queue.Message(j.lesson.id)
		if err != nil {
			a.fates[i] = fate{Result: Result{Result: learn.Result{Err: err}}, unread: true, gone: errors.Is(err, fs.ErrNotExist)}
			continue
		}
		defer closer.Close()
		items = append(items, Item{Hash: j.lesson.hash, Class: j.lesson.Class, At: j.lesson.At, Message: m})
		places = append(places, i)
	}
	if len(items) > 0 {
		for i, result := range l.pupil.Teach(ctx, jobs[0].lesson.User, items) {
			a.fates[places[i]].Result = result
		}
	}
	a.took = t.Now().Sub(start)
	return a
}
