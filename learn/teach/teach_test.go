package teach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/queue"
)

var errDown = errors.New("connection refused")

// run runs a test in a bubble, where time passes at once.
func run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// pass lets time pass, and all that happens in it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestLedger(t *testing.T) {
	run(t, func(t *testing.T) {
		a, b := &fake{name: "a"}, &fake{name: "b"}
		s := newSchool(t, nil, a, b)
		s.put("u spam x", "u ham y", "v ham x")
		s.drain(0)
		a.wants(t, "u spam  x", "u ham  y", "v ham  x")
		b.wants(t, "u spam  x", "u ham  y", "v ham  x")
		s.log.got = nil
		// The same again is not sent; the other class says what it replaces.
		s.put("u spam x", "u spam y")
		s.drain(0)
		a.wants(t, "u spam ham y")
		b.wants(t, "u spam ham y")
		slices.Sort(s.log.got)
		s.log.wants(t, "a already u <x>", "a learned u <y>", "b already u <x>", "b learned u <y>")
	})
}

func TestCoalesce(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		s := newSchool(t, nil, a)
		s.put("u spam x", "u ham x", "v spam x", "u spam x")
		s.drain(0)
		a.wants(t, "u spam  x", "v spam  x")
		s.log.wants(t, " superseded u <x>", " superseded u <x>", "a learned u <x>", "a learned v <x>")
		// Back to what is known: nothing to send.
		s.put("u ham x", "u spam x")
		s.drain(0)
		a.wants(t)
		s.log.wants(t, " superseded u <x>", "a already u <x>")
		// A lesson that comes late, about a message that was taught otherwise since.
		s.queue.put(learn.Lesson{User: "u", Class: learn.Ham, At: time.Now().Add(-time.Hour)}, mail("x"))
		s.drain(0)
		a.wants(t)
		s.log.wants(t, "a superseded u <x>")
		// The same of two that wait.
		s.put("u ham z")
		s.queue.put(learn.Lesson{User: "u", Class: learn.Spam, At: time.Now().Add(-time.Hour)}, mail("z"))
		s.drain(0)
		a.wants(t, "u ham  z")
	})
}

// A change of mind while the lesson is under way is a lesson of its own.
func TestChangeUnderWay(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		a.learn = func(context.Context, string, learn.Item) learn.Result {
			time.Sleep(10 * time.Second)
			return learn.Result{Outcome: learn.Learned}
		}
		s := newSchool(t, nil, a)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() { s.Run(ctx); close(ended) }()
		s.put("u spam x")
		pass(5 * time.Second)
		s.put("u ham x")
		s.Wake()
		pass(30 * time.Second)
		a.wants(t, "u spam  x", "u ham spam x")
		if n := s.queue.left(); n != 0 {
			t.Errorf("%d left", n)
		}
		cancel()
		<-ended
	})
}

// Batches are of one user and bounded; each user has a turn, and users are taught
// side by side, but never one of them twice at once (fake panics).
func TestBatches(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		a.learn = func(context.Context, string, learn.Item) learn.Result {
			time.Sleep(time.Second)
			return learn.Result{Outcome: learn.Learned}
		}
		s := newSchool(t, func(o *Options) { o.Batch, o.Workers = 3, 2 }, a)
		for i := range 7 {
			s.put(fmt.Sprintf("u spam x%d", i))
		}
		s.put("v ham y", "w ham y")
		s.drain(0)
		slices.Sort(a.calls)
		if !slices.Equal(a.calls, []int{1, 1, 1, 3, 3}) || a.most != 2 {
			t.Errorf("calls of %d, %d at once", a.calls, a.most)
		}
		if at := slices.Index(a.got, "v ham  y"); at > 3 {
			t.Errorf("v waits for u: %q", a.got)
		}
		big := newSchool(t, func(o *Options) { o.Bytes = 100 }, a)
		a.calls = nil
		for i := range 4 {
			big.put(fmt.Sprintf("u spam %s%d", strings.Repeat("x", 30), i))
		}
		big.drain(0)
		if !slices.Equal(a.calls, []int{1, 1, 1, 1}) {
			t.Errorf("calls of %d", a.calls)
		}
	})
}

// A back end that is down keeps its own lessons waiting, and no others. One probe
// at a time finds out when it is back; then all go at once.
func TestDown(t *testing.T) {
	run(t, func(t *testing.T) {
		var down atomic.Bool
		var probes atomic.Int32
		down.Store(true)
		a, b := &fake{name: "a"}, &fake{name: "b"}
		a.learn = func(context.Context, string, learn.Item) learn.Result {
			if probes.Add(1); down.Load() {
				return learn.Result{Err: errDown}
			}
			return learn.Result{Outcome: learn.Learned}
		}
		s := newSchool(t, nil, a, b)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		s.put("u spam x", "u spam y", "v spam x")
		pass(time.Hour)
		b.wants(t, "u spam  x", "u spam  y", "v spam  x")
		if n := probes.Load(); n < 60 || n > 75 {
			t.Errorf("%d probes in an hour, want about one a minute", n)
		}
		st := s.Status()
		if st.Queue != 3 || st.Oldest == nil || time.Since(*st.Oldest) < time.Hour || st.Backends[0].Up || st.Backends[0].LastError != errDown.Error() ||
			st.Backends[0].Waiting != 3 || st.Backends[0].Retry == nil || !st.Backends[1].Up || st.Backends[1].Outcomes[learn.Learned] != 3 {
			t.Errorf("status %+v", st)
		}
		down.Store(false)
		pass(62 * time.Second)
		slices.Sort(a.got)
		a.wants(t, "u spam  x", "u spam  y", "v spam  x")
		if n := s.queue.left(); n != 0 {
			t.Errorf("%d left", n)
		}
		if got := strings.Join(s.log.got, "\n"); strings.Count(got, "a down") != 1 || strings.Count(got, "a up") != 1 {
			t.Errorf("events\n%s", got)
		}
		if st := s.Status(); !st.Backends[0].Up || st.Backends[0].Retry != nil || st.Backends[0].LastError == "" || st.Queue != 0 || st.Oldest != nil {
			t.Errorf("status %+v", st)
		}
	})
}

// A message that the back end cannot stand does not keep the others from it, and
// is tried less and less often.
func TestPoison(t *testing.T) {
	run(t, func(t *testing.T) {
		tries := 0
		a := &fake{name: "a"}
		a.learn = func(_ context.Context, subject string, _ learn.Item) learn.Result {
			if subject == "poison" {
				tries++
				return learn.Result{Err: errors.New("500")}
			}
			return learn.Result{Outcome: learn.Learned}
		}
		s := newSchool(t, func(o *Options) { o.Batch = 1 }, a)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		s.put("u spam poison")
		for i := range 60 {
			s.put(fmt.Sprintf("u spam x%d", i))
			pass(10 * time.Second)
		}
		if len(a.got) != 60 || tries > 25 {
			t.Errorf("%d lessons taught beside it, %d tries", len(a.got), tries)
		}
	})
}

// A back end that hangs stops its own lessons alone, and each call ends.
func TestHang(t *testing.T) {
	run(t, func(t *testing.T) {
		a, b := &fake{name: "a"}, &fake{name: "b"}
		a.learn = func(ctx context.Context, _ string, _ learn.Item) learn.Result {
			<-ctx.Done()
			return learn.Result{Err: ctx.Err()}
		}
		s := newSchool(t, nil, a, b)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() { s.Run(ctx); close(ended) }()
		s.put("u spam x", "v spam x")
		pass(2 * time.Second)
		b.wants(t, "u spam  x", "v spam  x")
		pass(time.Hour)
		s.put("u spam y")
		pass(2 * time.Second)
		b.wants(t, "u spam  y")
		at := time.Now()
		cancel()
		<-ended // though a call hangs
		if took := time.Since(at); took > s.Grace {
			t.Errorf("ended after %s", took)
		}
	})
}

func TestExpire(t *testing.T) {
	run(t, func(t *testing.T) {
		a, b := &fake{name: "a"}, &fake{name: "b"}
		a.learn = func(context.Context, string, learn.Item) learn.Result { return learn.Result{Err: errDown} }
		s := newSchool(t, func(o *Options) { o.Interval = 10 * time.Second }, a, b)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		s.put("u spam x")
		pass(7*24*time.Hour - time.Minute)
		if n := s.queue.left(); n != 1 {
			t.Errorf("%d left", n)
		}
		pass(2 * time.Minute)
		if n := s.queue.left(); n != 0 {
			t.Errorf("%d left", n)
		}
		slices.Sort(s.log.got)
		s.log.wants(t, "a down: connection refused", "a lost u <x>", "b learned u <x>")
		// One that is too old when it comes, and one of the future.
		s.queue.put(learn.Lesson{User: "u", Class: learn.Ham, At: time.Now().Add(-8 * 24 * time.Hour)}, mail("y"))
		s.queue.put(learn.Lesson{User: "u", Class: learn.Ham, At: time.Now().Add(100 * 24 * time.Hour)}, mail("z"))
		pass(8 * 24 * time.Hour)
		slices.Sort(s.log.got)
		s.log.wants(t, " lost u <y>", "a lost u <z>", "b learned u <z>")
	})
}

// owners answers as a user database: u has uid 1000 and is called user.
func owners(_ context.Context, name string) (string, uint32, error) {
	switch name {
	case "u", "user":
		return "user", 1000, nil
	case "broken":
		return "", 0, userdb.Fault(errDown)
	}
	return "", 0, userdb.Unknown(name)
}

func uid(n uint32) *uint32 { return &n }

func TestOwner(t *testing.T) {
	for _, tt := range []struct {
		user  string
		owner uint32
		by    *uint32
		want  string // event
	}{
		{"u", 0, nil, "a learned user <x>"},
		{"u", 500, nil, "a learned user <x>"},
		{"u", 1000, nil, "a learned user <x>"},
		{"user", 1000, nil, "a learned user <x>"},
		{"u", 1001, nil, " denied u <x>"},
		{"nobody", 0, nil, "a learned nobody <x>"},
		{"nobody", 1000, nil, " denied nobody <x>"},
		{"", 500, nil, "a learned  <x>"},
		{"", 1000, nil, " denied  <x>"},
		// Root says whose word it is; who may not speak for all may not say that either.
		{"u", 0, uid(1000), "a learned user <x>"},
		{"u", 500, uid(1001), " denied u <x>"},
		{"u", 1001, uid(1000), " denied u <x>"},
	} {
		run(t, func(t *testing.T) {
			a := &fake{name: "a"}
			s := newSchool(t, func(o *Options) { o.User = owners }, a)
			s.put("broken spam x") // keeps nobody else waiting
			s.queue.put(learn.Lesson{User: tt.user, Class: learn.Spam, At: time.Now(), By: tt.by}, mail("x"))
			s.queue.entries[1].Owner = tt.owner
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go s.Run(ctx)
			pass(3 * time.Second)
			s.log.got = slices.DeleteFunc(s.log.got, func(e string) bool { return strings.HasPrefix(e, "problem: ") })
			if n := len(s.log.got); n == 0 || s.log.got[n-1] != tt.want || s.queue.left() != 1 {
				t.Errorf("%v: events %q, %d left", tt, s.log.got, s.queue.left())
			}
			if st := s.Status(); st.Queue != 1 || st.Unread != 1 {
				t.Errorf("%v: status %+v", tt, st)
			}
		})
	}
}

// Names of one user are one user to the ledger.
func TestNames(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		s := newSchool(t, func(o *Options) { o.User = owners }, a)
		s.put("u spam x", "user ham x")
		s.drain(0)
		a.wants(t, "user ham  x")
	})
}

func TestQueueFaults(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		s := newSchool(t, nil, a)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		s.queue.setFail("IDs", errors.New("EIO"))
		s.put("u spam x")
		pass(time.Minute)
		s.log.wants(t, "problem: EIO")
		s.queue.setFail("IDs", nil)
		s.queue.setFail("Remove", errors.New("EROFS"))
		pass(time.Minute)
		a.wants(t, "u spam  x")
		if n := s.queue.left(); n != 1 {
			t.Errorf("%d left", n)
		}
		s.log.wants(t, "a learned u <x>", "problem: EROFS") // once
		s.queue.setFail("Remove", nil)
		pass(2 * time.Second)
		if n := s.queue.left(); n != 0 {
			t.Errorf("%d left", n)
		}
		a.wants(t) // not once more
		s.log.got = nil
		// A message that cannot be read is no fault of the back end.
		s.put("u spam y", "u spam z")
		s.queue.setFail("id0002", errors.New("EIO"))
		pass(3 * time.Second)
		a.wants(t, "u spam  z")
		if !s.Status().Backends[0].Up {
			t.Error("the back end counts as down")
		}
		s.queue.setFail("id0002", nil)
		pass(20 * time.Second)
		a.wants(t, "u spam  y")
	})
}

// What others take off the queue is forgotten, and what is damaged stays, told once.
func TestDropped(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		a.learn = func(context.Context, string, learn.Item) learn.Result { return learn.Result{Err: errDown} }
		s := newSchool(t, nil, a)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		bad := s.queue.put(learn.Lesson{}, "")
		s.queue.entries[0] = queue.Entry{ID: bad, Err: fmt.Errorf("%w: half a file", queue.ErrDamaged)}
		s.put("u spam x", "v spam x")
		go s.Run(ctx)
		pass(time.Minute)
		if st := s.Status(); st.Queue != 3 || st.Damaged != 1 || st.Backends[0].Waiting != 2 {
			t.Errorf("status %+v", st)
		}
		if err := s.queue.Remove("id0002", bad); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		if st := s.Status(); st.Queue != 1 || st.Damaged != 0 || st.Backends[0].Waiting != 1 {
			t.Errorf("status %+v", st)
		}
		if got := strings.Join(s.log.got, "\n"); strings.Count(got, "half a file") != 1 {
			t.Errorf("events\n%s", got)
		}
	})
}

func TestRetry(t *testing.T) {
	r := Retry{Min: time.Second, Max: time.Minute, Rand: func() float64 { return 0 }}
	for failures, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := r.after(failures); got != want {
			t.Errorf("after %d: %s, want %s", failures, got, want)
		}
	}
	r.Rand = func() float64 { return 0.999 }
	if got := r.after(2); got < time.Second || got > 1010*time.Millisecond {
		t.Errorf("with jitter %s", got)
	}
}
