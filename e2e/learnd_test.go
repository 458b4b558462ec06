package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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
	"dovetail/internal/mailerr"
	"dovetail/internal/peer"
	"dovetail/learn"
	"dovetail/learn/builtin"
	"dovetail/learn/queue"
)

// school is a dovetail-learnd with a queue and a controller of rspamd.
type school struct {
	t      *testing.T
	dir    string
	queue  *queue.Queue
	rspamd *pupil
	learnd *peer.Process
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
	peer.Need(t, peer.Root, peer.Bogofilter)
	s := &school{t: t, dir: peer.Dir(t), rspamd: newPupil(t)}
	err := queue.Make(filepath.Join(s.dir, "queue"), queue.ModeShared)
	if err == nil {
		s.queue, err = queue.Open(filepath.Join(s.dir, "queue"), fsx.OS{})
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"bogofilter": 0o777, "notes": 0o666} {
		path := filepath.Join(s.dir, name)
		if name == "bogofilter" {
			err = os.Mkdir(path, mode)
		} else {
			err = os.WriteFile(path, nil, mode)
		}
		if err = errors.Join(err, os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	// The program of the back end exec: one line for each message, in one write.
	note := fmt.Sprintf("#!/bin/sh\nread -r subject; read -r subject; cat >/dev/null\necho \"$1 ${subject#Subject: }\" >>%s/notes\n", s.dir)
	if err := os.WriteFile(filepath.Join(s.dir, "note"), []byte(note), 0o755); err != nil {
		t.Fatal(err)
	}
	s.configure(s.rspamd.URL, learnMore)
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
backends = ["builtin", "rspamd", "bogofilter", "exec"]
queue_dir = "%[1]s/queue"
queue_interval = "10ms"
status_file = "%[1]s/status"
rspamd.url = "%[2]s"
builtin.path = "%[1]s/learn.db"
bogofilter.directory = "%[1]s/bogofilter/%%u"
exec = { spam = ["%[1]s/note", "spam"], ham = ["%[1]s/note", "ham"] }
%[3]s
`, s.dir, url, learnMore)
	if err := os.WriteFile(s.config(), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *school) config() string { return filepath.Join(s.dir, "dovetail.toml") }

func (s *school) start() {
	s.t.Helper()
	s.learnd = peer.StartProcess(s.t, filepath.Join(s.dir, "learnd.log"), binary("dovetail-learnd"), "-c", s.config())
}

// kill ends learnd as a crash would.
func (s *school) kill() {
	s.t.Helper()
	if !s.learnd.Running() {
		s.t.Fatalf("it has ended by itself\n%s", s.learnd.Output(s.t))
	}
	s.learnd.Kill()
}

// stop ends learnd by SIGTERM, which must be a success.
func (s *school) stop() {
	s.t.Helper()
	s.learnd.Signal(s.t, syscall.SIGTERM)
	if status := s.learnd.Ended(s.t, patience); status != 0 {
		s.t.Errorf("status %d after SIGTERM\n%s", status, s.learnd.Output(s.t))
	}
}

// wait waits until something is so.
func (s *school) wait(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: not within %s\n%s", what, patience, s.learnd.Output(s.t))
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

// builtin tells how many messages our own classifier knows in each class.
func (s *school) builtin() (spam, ham int) {
	s.t.Helper()
	c, err := builtin.Open(builtin.Options{Path: filepath.Join(s.dir, "learn.db")})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	all, err := c.Stats(s.t.Context())
	if err != nil || len(all) == 0 || all[0].User != "" {
		s.t.Fatalf("%v, %v", all, err)
	}
	return int(all[0].Spam), int(all[0].Ham)
}

// bogofilter tells how many messages the users' databases know in each class.
func (s *school) bogofilter() (spam, ham int) {
	s.t.Helper()
	dirs, err := filepath.Glob(filepath.Join(s.dir, "bogofilter/*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range dirs {
		more, moreHam := peer.NewBogofilter(s.t, dir).Counts()
		spam, ham = spam+more, ham+moreHam
	}
	return spam, ham
}

// notes gives what the program was told last of each subject.
func (s *school) notes() map[string]string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "notes"))
	if err != nil {
		s.t.Fatal(err)
	}
	notes := map[string]string{}
	for line := range strings.Lines(string(text)) {
		class, subject, _ := strings.Cut(strings.TrimSpace(line), " ")
		notes[subject] = class
	}
	return notes
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
	var said []byte
	if program {
		cmd := exec.Command(binary("learn-"+string(class)), "-c", g.s.config(), fmt.Sprintf("user%d", user))
		cmd.Stdin = strings.NewReader(text)
		said, err = cmd.CombinedOutput()
	} else {
		_, err = g.s.queue.Put(context.Background(), learn.Lesson{User: fmt.Sprintf("user%d", user), Class: class, At: time.Now(), Origin: learn.Event}, strings.NewReader(text))
	}
	if err != nil {
		g.s.t.Errorf("giving a lesson: %v: %s", err, said)
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
	if spam, ham := g.s.builtin(); spam != want[learn.Spam] || ham != want[learn.Ham] {
		t.Errorf("builtin knows %d messages as spam and %d as ham, want %d and %d", spam, ham, want[learn.Spam], want[learn.Ham])
	}
	if spam, ham := g.s.bogofilter(); spam != want[learn.Spam] || ham != want[learn.Ham] {
		t.Errorf("bogofilter knows %d messages as spam and %d as ham, want %d and %d", spam, ham, want[learn.Spam], want[learn.Ham])
	}
	notes := g.s.notes()
	for subject, class := range g.last {
		if got := notes[subject]; got != string(class) {
			t.Errorf("the program was told last that %s is %q, want %s", subject, got, class)
		}
	}
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

// hostility is what a server does with a connection.
var hostility = map[string]func(net.Conn){
	"hangs":         func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	"does not read": func(net.Conn) { time.Sleep(time.Hour) },
	"closes":        func(net.Conn) {},
	"floods": func(c net.Conn) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for err == nil {
			_, err = c.Write(bytes.Repeat([]byte("x"), 1<<16))
		}
	},
}

// hostile starts a server that treats its connections badly, and gives its URL.
func hostile(t *testing.T, treat func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go func() { defer c.Close(); treat(c) }()
		}
	}()
	return "http://" + l.Addr().String()
}

// Whatever one back end does, learn-spam ends well, the others learn, delivery to a
// spamtrap is answered, and learnd can be ended; what the bad one did not learn
// waits, and is learned by a good one in its place.
func TestLearndHostile(t *testing.T) {
	for name, treat := range hostility {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testBad(t, hostile(t, treat))
		})
	}
	t.Run("is down", func(t *testing.T) {
		t.Parallel()
		testBad(t, "http://127.0.0.1:1")
	})
}

func testBad(t *testing.T, url string) {
	s := newSchool(t, "")
	s.configure(url, "")
	s.start()
	g := &givers{s: s, last: map[string]learn.Class{}, given: map[string]int{}}
	for n := range 5 {
		g.lesson(n%2, n, learn.Spam, true)
	}
	s.wait("the others learn", func() bool {
		log := s.learnd.Output(t)
		return strings.Count(log, "backend=builtin outcome=learned") == 5 && strings.Count(log, "backend=bogofilter outcome=learned") == 5 &&
			strings.Count(log, "backend=exec outcome=learned") == 5
	})
	if n := s.queued(); n != 5 {
		t.Errorf("%d lessons are in the queue, want 5", n)
	}
	s.stop()
	s.configure(s.rspamd.URL, "")
	s.start()
	s.wait("the queue is empty", func() bool { return s.queued() == 0 })
	s.stop()
	g.check()
}

// Mail to a spamtrap is answered when it is in the queue, and learned; an
// address that is a user's, too, is delivered as well.
func TestSpamtrap(t *testing.T) {
	s := newSite(t, peer.OneUID(1))
	dir := filepath.Join(s.dir, "queue")
	s.extra["learn"] = fmt.Sprintf("queue_dir = %q\nspamtrap = [\"trap@example.org\", \"user1@example.org\"]\nspamtrap_user = \"site\"\n", dir)
	s.start()
	const mail = "Subject: buy\n\nnow\n"
	for _, user := range []string{"trap", "user1"} {
		if err := s.deliver(user, mail); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
	if err := s.deliver("nobody", mail); err == nil {
		t.Error("an address that is no trap was taken")
	}
	if n := len(s.mail("user1", "INBOX")); n != 1 {
		t.Errorf("%d messages for user1, want 1", n)
	}
	q, err := queue.Open(dir, fsx.OS{})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := q.List()
	if err != nil || len(entries) != 2 {
		t.Fatalf("in the queue: %v, %v", entries, err)
	}
	for _, e := range entries {
		if e.Err != nil || e.Lesson.Class != learn.Spam || e.Lesson.Origin != learn.Spamtrap || e.Lesson.User != "site" {
			t.Errorf("%+v", e)
		}
	}
	// Without a queue the client keeps it.
	s.file(filepath.Join(s.dir, "file"), "", 0o644)
	s.extra["learn"] = strings.Replace(s.extra["learn"], dir, filepath.Join(s.dir, "file"), 1)
	s.write()
	s.reload()
	s.logged("are read again")
	for _, user := range []string{"trap", "user1"} {
		if err := s.deliver(user, mail); err == nil || mailerr.IsPermanent(err) {
			t.Errorf("%s without a queue: %v", user, err)
		}
	}
	if n := len(s.mail("user1", "INBOX")); n != 1 {
		t.Errorf("%d messages for user1, want 1", n)
	}
}
