package teach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/queue"
)

// Users about whom the user database cannot tell keep no others waiting, however many
// lessons they have, and a user database that hangs is not waited for again and again.
func TestUnknowable(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		asked, hangs := 0, false
		s := newSchool(t, func(o *Options) {
			o.User = func(ctx context.Context, name string) (string, uint32, error) {
				if asked++; hangs {
					<-ctx.Done()
					return "", 0, userdb.Fault(ctx.Err())
				}
				if strings.HasPrefix(name, "broken") {
					return "", 0, userdb.Fault(errDown)
				}
				return owners(ctx, name)
			}
		}, a)
		for i := range 50 {
			s.put(fmt.Sprint("broken spam x", i))
			s.put(fmt.Sprintf("broken%d spam x", i))
		}
		s.put("u spam y")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		pass(3 * time.Second)
		a.wants(t, "user spam  y")
		pass(time.Minute)
		if len(s.log.got) > 10 || asked > 8*51 {
			t.Errorf("events %q, %d look-ups", s.log.got, asked)
		}
		asked, hangs = 0, true
		for i := range 50 {
			s.put(fmt.Sprintf("v%d spam z", i))
		}
		s.queue.put(learn.Lesson{Class: learn.Spam, At: time.Now()}, mail("site"))
		pass(10 * time.Second)
		a.wants(t, " spam  site")
		pass(20 * time.Second)
		if asked > 15 {
			t.Errorf("%d look-ups in 30 seconds, though each of them hangs", asked)
		}
	})
}

// One uid fills neither the memory nor the time of all: so much of its lessons is taken
// in, the others stay in the queue, and all are taught in the end.
func TestGivers(t *testing.T) {
	run(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		a := &fake{name: "a"}
		a.learn = func(context.Context, string, learn.Item) learn.Result {
			if down.Load() {
				return learn.Result{Err: errDown}
			}
			return learn.Result{Outcome: learn.Learned}
		}
		s := newSchool(t, func(o *Options) {
			o.User, o.Ahead, o.Waiting = owners, 10*leastCost, 100*leastCost
		}, a)
		for i := range 99 {
			s.put(fmt.Sprint("u spam x", i))
		}
		for i := range s.queue.entries {
			s.queue.entries[i].Owner = 1000
			if i%2 == 0 { // put by a server, on behalf of that uid
				s.queue.entries[i].Owner, s.queue.entries[i].Lesson.By = 0, uid(1000)
			}
		}
		s.put("v spam y") // of root
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() { s.Run(ctx); close(ended) }()
		pass(time.Minute)
		if st := s.Status(); st.Queue != 100 || st.Unread != 89 || st.Backends[0].Waiting != 11 {
			t.Errorf("status %+v", st)
		}
		if err := s.Admits(1000); err != nil {
			t.Error(err)
		}
		for _, subject := range []string{"late", "later"} {
			s.queue.put(learn.Lesson{User: "u", Class: learn.Spam, At: time.Now(), By: uid(1000)}, mail(subject))
		}
		pass(2 * time.Second)
		if err := s.Admits(1000); err == nil || !strings.Contains(err.Error(), "uid 1000") {
			t.Errorf("admitted: %v", err)
		}
		for _, other := range []uint32{0, 500, 1001} {
			if err := s.Admits(other); err != nil {
				t.Error(err)
			}
		}
		// What others take away makes room.
		if err := s.queue.Remove("id0001", "id0050"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if st := s.Status(); st.Queue != 100 || st.Backends[0].Waiting != 11 || s.Admits(1000) != nil {
			t.Errorf("status %+v, %v", st, s.Admits(1000))
		}
		down.Store(false)
		pass(2 * time.Minute)
		if n := len(a.got); n != 100 || s.queue.left() != 0 {
			t.Errorf("%d taught, %d left", n, s.queue.left())
		}
		cancel()
		<-ended
		// Draining once takes all of them, too.
		for i := range 50 {
			s.put(fmt.Sprint("u spam z", i))
			s.queue.entries[i].Owner = 1000
		}
		s.drain(0)
	})
}

// What is too big is given up, and what cannot be read now is read later.
func TestUnreadable(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		s := newSchool(t, nil, a)
		s.put("u spam big", "u spam later", "u spam x")
		s.queue.entries[0].Err = fmt.Errorf("%w: 9 bytes", queue.ErrTooBig)
		s.queue.entries[1].Err = errors.New("too many open files")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		pass(3 * time.Second)
		a.wants(t, "u spam  x")
		slices.Sort(s.log.got)
		s.log.wants(t, " refused u ", "a learned u <x>", "problem: lesson id0002 waits: too many open files")
		s.queue.mu.Lock()
		s.queue.entries[0].Err = nil
		s.queue.mu.Unlock()
		pass(20 * time.Second)
		a.wants(t, "u spam  later")
		if n := s.queue.left(); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}

// Many lessons of one uid that come to nothing are not all looked at before those of others.
func TestManyOfOne(t *testing.T) {
	for user, events := range map[string]int{"u": 10, "broken": 1} { // denied, or to be tried again
		run(t, func(t *testing.T) {
			a := &fake{name: "a"}
			s := newSchool(t, func(o *Options) { o.User, o.Ahead = owners, 10*leastCost }, a)
			for i := range 100 {
				s.put(fmt.Sprint(user, " spam x", i))
				s.queue.entries[i].Owner = 1001
			}
			s.put("u spam y")
			running, more := s.look(t.Context(), t.Context())
			s.end(running, func() {})
			a.wants(t, "user spam  y")
			if running != 1 || !more || len(s.held) != 90 || len(s.log.got) != events+1 {
				t.Errorf("%s: %d calls, more %v, %d held, events %q", user, running, more, len(s.held), s.log.got)
			}
			if left := map[string]int{"u": 0, "broken": 100}[user]; s.Drain(t.Context()) != left {
				t.Errorf("%s: not %d are left", user, left)
			}
		})
	}
}
