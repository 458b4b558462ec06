package teach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/ledger"
	"dovetail/learn/queue"
)

// memQueue is a queue in memory.
type memQueue struct {
	mu       sync.Mutex
	entries  []queue.Entry
	messages map[string]string
	fail     map[string]error // of the methods, and of Message by id
	n        int
}

func (q *memQueue) put(l learn.Lesson, text string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
	id := fmt.Sprintf("id%04d", q.n)
	if q.messages == nil {
		q.messages = map[string]string{}
	}
	q.entries = append(q.entries, queue.Entry{ID: id, Lesson: l, Size: int64(len(text))})
	q.messages[id] = text
	return id
}

func (q *memQueue) IDs() ([]string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ids []string
	for _, e := range q.entries {
		ids = append(ids, e.ID)
	}
	return ids, q.fail["IDs"]
}

func (q *memQueue) Entry(id string) (queue.Entry, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.entries {
		if e.ID == id {
			return e, q.fail["Entry"]
		}
	}
	return queue.Entry{}, fs.ErrNotExist
}

func (q *memQueue) Message(id string) (learn.Lesson, *message.Message, io.Closer, error) {
	e, err := q.Entry(id)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err = errors.Join(err, q.fail[id]); err != nil {
		return learn.Lesson{}, nil, nil, err
	}
	return e.Lesson, message.Parse([]byte(q.messages[id])), io.NopCloser(nil), nil
}

func (q *memQueue) Remove(ids ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.fail["Remove"]; err != nil {
		return err
	}
	q.entries = slices.DeleteFunc(q.entries, func(e queue.Entry) bool { return slices.Contains(ids, e.ID) })
	return nil
}

func (q *memQueue) setFail(what string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail == nil {
		q.fail = map[string]error{}
	}
	q.fail[what] = err
}

func (q *memQueue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.entries)
}

// fake is a back end that writes down what it is taught.
type fake struct {
	name string

	mu    sync.Mutex
	got   []string // user, class, prior, subject
	calls []int    // sizes
	busy  map[string]bool
	most  int // calls at once
	// learn, if not nil, answers for one message.
	learn func(ctx context.Context, subject string, i learn.Item) learn.Result
}

func (f *fake) Name() string { return f.name }

func (f *fake) Learn(ctx context.Context, user string, items []learn.Item) []learn.Result {
	f.mu.Lock()
	if f.busy == nil {
		f.busy = map[string]bool{}
	}
	if f.busy[user] {
		panic("two calls at once for " + user)
	}
	f.busy[user] = true
	f.most = max(f.most, len(f.busy))
	f.calls = append(f.calls, len(items))
	f.mu.Unlock()
	results := make([]learn.Result, len(items))
	for i, item := range items {
		subject, _ := item.Message.Get("Subject")
		results[i] = learn.Result{Outcome: learn.Learned}
		if f.learn != nil {
			results[i] = f.learn(ctx, subject, item)
		}
		if results[i].Err == nil {
			f.note(user, item, subject)
		}
	}
	f.mu.Lock()
	delete(f.busy, user)
	f.mu.Unlock()
	return results
}

func (f *fake) note(user string, item learn.Item, subject string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	prior := string(item.Prior)
	if item.Unsure {
		prior += "?"
	}
	f.got = append(f.got, strings.Join([]string{user, string(item.Class), prior, subject}, " "))
}

func (f *fake) wants(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.got, want) {
		t.Errorf("%s was taught %q, want %q", f.name, f.got, want)
	}
	f.got = nil
}

// events writes down what a Teacher tells.
type events struct {
	mu  sync.Mutex
	got []string
}

func (e *events) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, fmt.Sprintf(format, args...))
}

func (e *events) Event(v Event) {
	e.add("%s %s %s %s", v.Backend, v.Outcome, v.Lesson.User, v.MessageID)
}
func (e *events) Down(backend string, err error)         { e.add("%s down: %v", backend, err) }
func (e *events) Up(backend string, after time.Duration) { e.add("%s up", backend) }
func (e *events) Problem(err error)                      { e.add("problem: %v", err) }

func (e *events) wants(t *testing.T, want ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.got, want) {
		t.Errorf("events\n %s\nwant\n %s", strings.Join(e.got, "\n "), strings.Join(want, "\n "))
	}
	e.got = nil
}

// school is a Teacher with all that it needs.
type school struct {
	*Teacher
	t      *testing.T
	queue  *memQueue
	ledger learn.Ledger
	log    *events
}

func newSchool(t *testing.T, change func(*Options), backends ...learn.Backend) *school {
	s := &school{t: t, queue: &memQueue{}, ledger: ledger.NewMem(), log: &events{}}
	o := Options{Queue: s.queue, Log: s.log, Now: time.Now, Workers: 1, UID: 500}
	for _, b := range backends {
		o.Pupils = append(o.Pupils, &Pupil{Backend: b, Ledger: s.ledger, Timeout: time.Minute})
	}
	if change != nil {
		change(&o)
	}
	s.Teacher = New(o)
	return s
}

// put puts a lesson of now into the queue: "user class subject".
func (s *school) put(lessons ...string) {
	s.t.Helper()
	for _, text := range lessons {
		f := strings.Fields(text)
		s.queue.put(learn.Lesson{User: f[0], Class: learn.Class(f[1]), At: time.Now()}, mail(f[2]))
		time.Sleep(time.Millisecond)
	}
}

func mail(subject string) string {
	return fmt.Sprintf("Subject: %s\nMessage-ID: <%s>\n\nbody\n", subject, subject)
}

// drain drains the queue once; so many lessons must be left.
func (s *school) drain(left int) {
	s.t.Helper()
	if n := s.Drain(s.t.Context()); n != left || s.queue.left() != left {
		s.t.Errorf("%d lessons are left, in the queue %d, want %d", n, s.queue.left(), left)
	}
}
