package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"dovetail/internal/fsx"
	"dovetail/internal/peer"
	"dovetail/learn"
	"dovetail/learn/queue"
	"dovetail/learn/rule"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){name: main})
}

const patience = 2 * time.Minute // of tests that hang

// controller is an rspamd that says yes, or is down.
type controller struct {
	*httptest.Server
	mu   sync.Mutex
	got  []string // path, Deliver-To, subject line
	down bool
}

func newController(t *testing.T) *controller {
	c := &controller{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	subject, _, _ := strings.Cut(string(body), "\n")
	c.got = append(c.got, strings.TrimSpace(r.URL.Path+" "+strings.TrimSpace(subject)))
	io.WriteString(w, `{"success":true}`)
}

func (c *controller) setDown(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// wants waits until these are the requests that it got, in any order.
func (c *controller) wants(t *testing.T, want ...string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		got := slices.Sorted(slices.Values(c.got))
		c.mu.Unlock()
		if slices.Equal(got, slices.Sorted(slices.Values(want))) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("rspamd got %q, want %q", got, want)
		}
	}
}

// site is a folder with a configuration for the user bob, who has the uid of the
// tests, or an own one if that is root.
type site struct {
	t      *testing.T
	dir    string
	uid    int
	rspamd *controller

	started int // processes
}

func newSite(t *testing.T) *site {
	t.Setenv("NOTIFY_SOCKET", "")
	s := &site{t: t, dir: t.TempDir(), uid: os.Geteuid(), rspamd: newController(t)}
	if s.uid == 0 {
		s.uid = 65534
		for _, dir := range []string{s.dir, filepath.Dir(s.dir)} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.configure(s.rspamd.URL, "")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// configure writes the configuration, with more keys of [learn].
func (s *site) configure(url, more string) {
	s.t.Helper()
	text := fmt.Sprintf(`
auth_username_format = "%%Ln"
[mail]
first_valid_uid = 1
[userdb]
driver = "static"
uid = "%d"
gid = "%d"
home = "%s/homes/%%n"
users = ["bob"]
[state]
url = "sqlite:%s"
[learn]
backends = ["rspamd"]
queue_dir = "%s"
queue_interval = "20ms"
status_file = "%s"
rspamd.url = "%s"
%s
`, s.uid, s.uid, s.dir, s.path("state.db"), s.path("spool/queue"), s.path("run/status"), url, more)
	if err := os.WriteFile(s.path("dovetail.toml"), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// daemonProcess is a dovetail-learnd that runs.
type daemonProcess struct {
	*peer.Process
	t *testing.T
}

func (s *site) start(args ...string) *daemonProcess {
	s.t.Helper()
	s.started++
	log := s.path(fmt.Sprint("log", s.started))
	return &daemonProcess{peer.StartProcess(s.t, log, name, append([]string{"-c", s.path("dovetail.toml")}, args...)...), s.t}
}

func (p *daemonProcess) output() string { p.t.Helper(); return p.Output(p.t) }

// logs waits until the log holds text so many times.
func (p *daemonProcess) logs(text string, times int) {
	p.t.Helper()
	p.Says(p.t, text, times, patience)
}

func (p *daemonProcess) signal(sig os.Signal) { p.t.Helper(); p.Signal(p.t, sig) }

// ends waits for the end with a status.
func (p *daemonProcess) ends(status int) {
	p.t.Helper()
	if got := p.Ended(p.t, patience); got != status {
		p.t.Errorf("status %d, want %d:\n%s", got, status, p.output())
	}
}

// put puts a lesson of bob into the queue.
func (s *site) put(class learn.Class, subject string) {
	s.t.Helper()
	if err := queue.Make(s.path("spool/queue"), queue.ModeShared); err != nil {
		s.t.Fatal(err)
	}
	q, err := queue.Open(s.path("spool/queue"), fsx.OS{})
	if err != nil {
		s.t.Fatal(err)
	}
	lesson := learn.Lesson{User: "BOB@example.org", Class: class, At: time.Now(), Origin: learn.Event, Cause: "COPY", From: "INBOX", To: "Spam"}
	if _, err := q.Put(s.t.Context(), lesson, strings.NewReader("Subject: "+subject+"\nMessage-ID: <"+subject+"@example.net>\n\nbody\n")); err != nil {
		s.t.Fatal(err)
	}
}

// left waits until so many lessons are in the queue.
func (s *site) left(want int) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		files, err := filepath.Glob(s.path("spool/queue/2*"))
		if err != nil {
			s.t.Fatal(err)
		}
		if len(files) == want {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("in the queue: %v, want %d", files, want)
		}
	}
}

func TestServe(t *testing.T) {
	s := newSite(t)
	p := s.start()
	p.logs("msg=ready", 1)
	if st, err := os.Stat(s.path("spool/queue")); err != nil || os.Geteuid() == 0 && st.Mode() != fs.ModeDir|fs.ModeSticky|0o777 {
		t.Errorf("the queue's directory: %v, %v", st.Mode(), err)
	}
	s.put(learn.Spam, "one")
	s.rspamd.wants(t, "/learnspam Subject: one")
	s.left(0)
	p.logs(`msg=lesson user=bob class=spam cause=COPY from=INBOX to=Spam origin=event backend=rspamd outcome=learned`, 1)
	p.logs(" ms=", 1)
	p.logs(" hash=", 1)
	p.logs(" message_id=<one@example.net>", 1)
	s.put(learn.Spam, "one") // again: the ledger knows
	s.put(learn.Ham, "one")
	s.left(0)
	s.rspamd.wants(t, "/learnspam Subject: one", "/learnham Subject: one")
	// Another one has no place beside it.
	q := s.start()
	q.ends(75)
	if want := fmt.Sprintf("process %d", p.PID()); !strings.Contains(q.output(), want) {
		t.Errorf("the second one says %q, want %q", q.output(), want)
	}
	s.start("--once").ends(75)
	p.signal(syscall.SIGTERM)
	p.ends(0)
	// After the end the ledger is still there.
	p = s.start()
	s.put(learn.Ham, "one")
	p.logs("outcome=already", 1)
	s.left(0)
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

func TestOnce(t *testing.T) {
	s := newSite(t)
	s.start("--once").ends(0)
	s.put(learn.Spam, "one")
	s.put(learn.Ham, "two")
	s.start("--once").ends(0)
	s.left(0)
	s.rspamd.wants(t, "/learnspam Subject: one", "/learnham Subject: two")
	s.rspamd.setDown(true)
	s.put(learn.Spam, "three")
	p := s.start("--once")
	p.ends(75)
	if !strings.Contains(p.output(), "1 lessons are left") {
		t.Error(p.output())
	}
	s.left(1)
}

func TestDown(t *testing.T) {
	s := newSite(t)
	s.rspamd.setDown(true)
	p := s.start()
	s.put(learn.Spam, "one")
	p.logs("the back end is down", 1)
	var st statusFile
	for end := time.Now().Add(patience); len(st.Backends) == 0 || st.Backends[0].Up; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(s.path("run/status"))
		if err == nil {
			err = json.Unmarshal(text, &st)
		}
		if time.Now().After(end) {
			t.Fatalf("status %+v, %v", st, err)
		}
	}
	if b := st.Backends[0]; st.PID != p.PID() || st.Queue != 1 || st.Oldest == nil || b.Name != "rspamd" || b.LastError == "" || b.Waiting != 1 || b.Retry == nil {
		t.Errorf("status %+v", st)
	}
	s.rspamd.setDown(false)
	p.logs("the back end works again", 1)
	s.left(0)
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// A configuration that is broken changes nothing; a new one takes over with all
// that waits.
func TestReload(t *testing.T) {
	s := newSite(t)
	s.rspamd.setDown(true)
	p := s.start()
	p.logs("msg=ready", 1)
	s.put(learn.Spam, "one")
	p.logs("the back end is down", 1)
	s.configure(s.rspamd.URL, "nonsense = 1")
	p.signal(syscall.SIGHUP)
	p.logs("stays as it was", 1)
	p.logs("learn.nonsense", 1)
	other := newController(t)
	s.configure(other.URL, "")
	p.signal(syscall.SIGHUP)
	p.logs("configuration is read again", 1)
	other.wants(t, "/learnspam Subject: one")
	s.left(0)
	// Another queue.
	text, err := os.ReadFile(s.path("dovetail.toml"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), s.path("spool/queue"), s.path("spool/other")))
	if err := os.WriteFile(s.path("dovetail.toml"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.logs("configuration is read again", 2)
	s.put(learn.Spam, "two")
	s.start("--once").ends(75) // the new one is locked
	s.configure(other.URL, "")
	s.start("--once").ends(0) // the old one is not
	other.wants(t, "/learnspam Subject: one", "/learnspam Subject: two")
	p.signal(syscall.SIGTERM)
	p.ends(0)
	s.configure("http://127.0.0.1:1", `backends = []`)
	s.start().ends(78)
}

// say sends a request of Dovecot's script protocol and gives the answer.
func say(t *testing.T, uid int, path string, args ...string) string {
	t.Helper()
	var c net.Conn
	dial := func() (err error) {
		c, err = net.Dial("unix", path)
		return err
	}
	err := dial
	if uid != os.Geteuid() {
		err = func() error { return (&fsx.Credentials{UID: uint32(uid), GID: uint32(uid)}).Do(dial) }
	}
	if err := err(); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "VERSION\tscript\t4\t0\nenv_USER=bob\n-\n%s\n\nSubject: %s\n\nbody\n", strings.Join(args, "\n"), filepath.Base(path)+fmt.Sprint(uid))
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err2 := io.ReadAll(c)
	if err2 != nil {
		t.Fatal(err2)
	}
	return string(answer)
}

func TestSockets(t *testing.T) {
	s := newSite(t)
	dirs := fmt.Sprintf("socket_dirs = [%q, %q]\n", s.path("pipe"), s.path("execute"))
	s.configure(s.rspamd.URL, dirs+"socket_mode = '0666'\n")
	p := s.start()
	p.logs("msg=ready", 1)
	want := []string{}
	uid := fmt.Sprint(s.uid)
	for i, path := range []string{"pipe/learn-spam", "pipe/sa-learn-ham.sh", "execute/learn-ham", "execute/sa-learn-spam.sh"} {
		if st, err := os.Stat(s.path(path)); err != nil || st.Mode() != fs.ModeSocket|0o666 {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
		if answer := say(t, s.uid, s.path(path), "bob"); answer != "+\n" {
			t.Errorf("%s: answer %q", path, answer)
		}
		class := []string{"spam", "ham", "ham", "spam"}[i]
		want = append(want, "/learn"+class+" Subject: "+filepath.Base(path)+uid)
		s.rspamd.wants(t, want...)
	}
	s.left(0)
	// A rule leaves it out; bad arguments are an error.
	if answer := say(t, s.uid, s.path("pipe/learn-ham"), "--cause=copy", "--from=Junk", "--to=Trash", "bob"); answer != "+\n" {
		t.Errorf("left out: answer %q", answer)
	}
	p.logs(`msg=lesson user=bob class=ham cause=COPY from=Junk to=Trash origin=event outcome="left out" reason="Trash is the trash`, 1)
	if answer := say(t, s.uid, s.path("pipe/learn-ham"), "--nonsense"); answer != "-\n" {
		t.Errorf("a bad argument: answer %q", answer)
	}
	p.logs("a lesson was not taken", 1)
	if os.Geteuid() == 0 {
		// Somebody else does not speak for bob; root does.
		if answer := say(t, 65533, s.path("pipe/learn-spam"), "bob"); answer != "+\n" {
			t.Errorf("of another uid: answer %q", answer)
		}
		p.logs("outcome=denied", 1)
		if answer := say(t, 0, s.path("pipe/learn-spam"), "bob"); answer != "+\n" {
			t.Errorf("of root: answer %q", answer)
		}
		s.rspamd.wants(t, append(want, "/learnspam Subject: learn-spam0")...)
	}
	// Without a queue the answer is no, for Sieve to know.
	if err := os.Rename(s.path("spool"), s.path("gone")); err != nil {
		t.Fatal(err)
	}
	if answer := say(t, s.uid, s.path("pipe/learn-spam"), "bob"); answer != "-\n" {
		t.Errorf("without a queue: answer %q", answer)
	}
	p.signal(syscall.SIGTERM)
	p.ends(0)
	if _, err := os.Lstat(s.path("pipe/learn-spam")); err == nil {
		t.Error("a socket is left")
	}
}

// What watching leaves out has a line, as what an event tells has one.
func TestWatchLog(t *testing.T) {
	s := newSite(t)
	s.configure(s.rspamd.URL, fmt.Sprintf("watch_interval = '50ms'\nwatch_dir = %q\n", s.path("watch")))
	home := s.path("homes/bob")
	for _, dir := range []string{"new", "cur", "tmp", ".Spam/new", ".Spam/cur", ".Spam/tmp"} {
		if err := os.MkdirAll(filepath.Join(home, "Maildir", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	old, long := home+"/Maildir/cur/1600000000.M1P1.h:2,S", time.Unix(1_600_000_000, 0)
	err := os.WriteFile(old, []byte("Subject: one\n\nbody\n"), 0o644)
	if err = errors.Join(err, os.Chtimes(old, long, long)); err != nil {
		t.Fatal(err)
	}
	p := s.start("-o", "log.level=debug")
	p.logs(`msg="looked at folders" user=bob first=true`, 1)
	if err := os.WriteFile(filepath.Join(home, rule.OffFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	now := fmt.Sprintf("%s/Maildir/.Spam/cur/%d.M2P1.h:2,S", home, time.Now().Unix())
	if err := os.Rename(old, now); err != nil {
		t.Fatal(err)
	}
	p.logs(`level=INFO msg=lesson user=bob class=spam cause=COPY to=Spam origin=watch outcome="left out" reason="the user has switched learning off`, 1)
	received, tmp := time.Now().Truncate(time.Second), home+"/Maildir/.Spam/tmp/x"
	err = os.WriteFile(tmp, []byte("Subject: two\n\nbody\n"), 0o644)
	if err = errors.Join(err, os.Chtimes(tmp, received, received),
		os.Rename(tmp, fmt.Sprintf("%s/Maildir/.Spam/new/%d.M3P1.h", home, received.Unix()))); err != nil {
		t.Fatal(err)
	}
	p.logs(`level=DEBUG msg=lesson user=bob class=spam cause=COPY to=Spam origin=watch outcome="left out" reason="it was delivered into the folder"`, 1)
	p.signal(syscall.SIGTERM)
	p.ends(0)
}

// A message of any size that somebody put into the queue is not read, whatever it looks like.
func TestHugeLesson(t *testing.T) {
	s := newSite(t)
	s.put(learn.Spam, "huge")
	files, err := filepath.Glob(s.path("spool/queue/2*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 1<<40); err != nil { // sparse
		t.Fatal(err)
	}
	s.put(learn.Spam, "one")
	s.start("--once").ends(0)
	s.left(0)
	s.rspamd.wants(t, "/learnspam Subject: one")
}

// systemd hears of every state.
func TestSystemd(t *testing.T) {
	s := newSite(t)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path("notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	hears := func(want string) {
		t.Helper()
		buf := make([]byte, 1000)
		notify.SetReadDeadline(time.Now().Add(patience))
		if n, err := notify.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), want) {
			t.Fatalf("systemd hears %q, %v; want %q", buf[:n], err, want)
		}
	}
	t.Setenv("NOTIFY_SOCKET", notify.LocalAddr().String())
	p := s.start()
	hears("READY=1")
	p.signal(syscall.SIGHUP)
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	p.signal(syscall.SIGTERM)
	hears("STOPPING=1")
	p.ends(0)
}
