package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/learn"
	"dovetail/learn/queue"
)

// school is a dovetail-learnd with a queue and a controller of rspamd.
type school struct {
	t       *testing.T
	dir     string
	queue   *queue.Queue
	rspamd  *pupil
	learnd  *exec.Cmd
	log     bytes.Buffer
	logLock sync.Mutex
}

// pupil is an rspamd that knows what it has learned, as rspamd does.
type pupil struct {
	*httptest.Server
	requests atomic.Int64
	mu       sync.Mutex
	classes  map[string]string // by subject
	changes  map[string]int    // how often the class of a subject became another one
}

func newPupil(t *testing.T) *pupil {
	p := &pupil{classes: map[string]string{}, changes: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *pupil) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client was killed
	}
	time.Sleep(time.Duration(rand.IntN(int(time.Millisecond)))) // a learnd that is killed is often waiting here
	subject := subjectOf(string(text))
	class := strings.TrimPrefix(r.URL.Path, "/learn")
	p.mu.Lock()
	known := p.classes[subject] == class
	if !known {
		p.classes[subject] = class
		p.changes[subject]++
	}
	p.mu.Unlock()
	p.requests.Add(1)
	if known {
		w.WriteHeader(http.StatusAlreadyReported)
		fmt.Fprintf(w, `{"error":"<x> has been already learned as %s, ignore it"}`, class)
		return
	}
	io.WriteString(w, `{"success":true}`)
}

func subjectOf(text string) string {
	_, rest, _ := strings.Cut(text, "Subject: ")
	subject, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(subject)
}

func newSchool(t *testing.T, learnMore string) *school {
	t.Helper()
	s := &school{t: t, dir: t.TempDir(), rspamd: newPupil(t)}
	err := queue.Make(filepath.Join(s.dir, "queue"), queue.ModeShared)
	if err == nil {
		s.queue, err = queue.Open(filepath.Join(s.dir, "queue"), fsx.OS{})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.configure(s.rspamd.URL, learnMore)
	t.Cleanup(func() {
		if s.learnd != nil {
			s.kill()
		}
	})
	return s
}

func (s *school) configure(url, learnMore string) {
	s.t.Helper()
	text := fmt.Sprintf(`
[userdb]
driver = "static"
uid = "65534"
gid = "65534"
home = "%[1]s/home/%%n"
[state]
url = "sqlite:%[1]s/state.db"
[learn]
backends = ["rspamd"]
queue_dir = "%[1]s/queue"
queue_interval = "10ms"
status_file = "%[1]s/status"
rspamd.url = "%[2]s"
%[3]s
`, s.dir, url, learnMore)
	if err := os.WriteFile(s.config(), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *school) config() string { return filepath.Join(s.dir, "dovetail.toml") }

func (s *school) Write(b []byte) (int, error) {
	s.logLock.Lock()
	defer s.logLock.Unlock()
	return s.log.Write(b)
}

func (s *school) output() string {
	s.logLock.Lock()
	defer s.logLock.Unlock()
	return s.log.String()
}

func (s *school) start() {
	s.t.Helper()
	s.learnd = exec.Command(binary("dovetail-learnd"), "-c", s.config())
	s.learnd.Stderr = s
	if err := s.learnd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *school) kill() {
	s.t.Helper()
	err := s.learnd.Process.Kill()
	_ = s.learnd.Wait() // it was killed
	s.learnd = nil
	if err != nil {
		s.t.Fatalf("it has ended by itself: %v\n%s", err, s.output())
	}
}

// stop ends learnd by SIGTERM, which must be a success.
func (s *school) stop() {
	s.t.Helper()
	err := s.learnd.Process.Signal(syscall.SIGTERM)
	if err = errors.Join(err, s.learnd.Wait()); err != nil {
		s.t.Errorf("after SIGTERM: %v\n%s", err, s.output())
	}
	s.learnd = nil
}

// wait waits until something is so.
func (s *school) wait(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: not within %s\n%s", what, patience, s.output())
		}
	}
}

func (s *school) queued() int {
	s.t.Helper()
	ids, err := s.queue.IDs()
	if err != nil {
		s.t.Fatal(err)
	}
	return len(ids)
}

// givers give lessons of users who change their minds, until they are told to stop.
type givers struct {
	s     *school
	stop  chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	last  map[string]learn.Class // what counts, by subject
	given map[string]int         // changes of class, by subject
}

func (s *school) give(users, messages int) *givers {
	g := &givers{s: s, stop: make(chan struct{}), last: map[string]learn.Class{}, given: map[string]int{}}
	for user := range users {
		g.wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-g.stop:
					return
				case <-time.After(2 * time.Millisecond):
					if g.s.queued() > 50 { // a start takes longer the more there is to read
						continue
					}
					class := []learn.Class{learn.Spam, learn.Ham}[rand.IntN(2)]
					g.lesson(user, rand.IntN(messages), class, n%100 == 0)
				}
			}
		})
	}
	return g
}

// lesson gives a lesson, by learn-spam or learn-ham or straight into the queue.
func (g *givers) lesson(user, message int, class learn.Class, program bool) {
	subject := fmt.Sprintf("user%d-%d", user, message)
	text := fmt.Sprintf("From: a@example.net\nSubject: %s\nMessage-ID: <%s@example.net>\n\nWords of message %d, all of them for user %d.\n", subject, subject, message, user)
	var err error
	if program {
		cmd := exec.Command(binary("learn-"+string(class)), "-c", g.s.config(), fmt.Sprintf("user%d", user))
		cmd.Stdin, cmd.Stderr = strings.NewReader(text), g.s
		err = cmd.Run()
	} else {
		_, err = g.s.queue.Put(context.Background(), learn.Lesson{User: fmt.Sprintf("user%d", user), Class: class, At: time.Now(), Origin: learn.Event}, strings.NewReader(text))
	}
	if err != nil {
		g.s.t.Errorf("giving a lesson: %v", err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last[subject] != class {
		g.given[subject]++
	}
	g.last[subject] = class
}

func (g *givers) end() {
	close(g.stop)
	g.wg.Wait()
}

// check wants that every back end knows every message in the class of the last
// lesson about it, and was not taught more often than minds were changed.
func (g *givers) check() {
	t := g.s.t
	t.Helper()
	want := map[learn.Class]int{}
	for subject, class := range g.last {
		want[class]++
		if got := g.s.rspamd.classes[subject]; got != string(class) {
			t.Errorf("rspamd knows %s as %q, want %s", subject, got, class)
		}
		if got := g.s.rspamd.changes[subject]; got > g.given[subject] {
			t.Errorf("rspamd learned %s %d times, from %d lessons that differed", subject, got, g.given[subject])
		}
	}
	_ = want
}

// However often learnd is killed, every lesson that was handed over is taught, and
// the last one about a message counts.
func TestLearndKill(t *testing.T) {
	s := newSchool(t, "")
	g := s.give(5, 100)
	for kill := range 100 {
		s.start()
		if kill%5 == 0 {
			time.Sleep(time.Duration(rand.IntN(int(40 * time.Millisecond)))) // maybe before it is ready
		} else {
			at := s.rspamd.requests.Load() + int64(rand.IntN(5))
			s.wait("requests after a start", func() bool { return s.rspamd.requests.Load() > at })
			time.Sleep(time.Duration(rand.IntN(int(3 * time.Millisecond))))
		}
		s.kill()
	}
	g.end()
	s.start()
	s.wait("the queue is empty", func() bool { return s.queued() == 0 })
	s.stop()
	g.check()
}
