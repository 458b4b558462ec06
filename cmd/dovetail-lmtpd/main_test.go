package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"dovetail/internal/config"
	"dovetail/internal/peer"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){name: main})
}

const patience = 2 * time.Minute // of tests that hang

// site is a folder with a configuration for the users bob and carol.
type site struct {
	t      *testing.T
	dir    string
	socket string

	started int // processes
}

func newSite(t *testing.T, more string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	if err := os.Chmod(filepath.Dir(s.dir), 0o755); err != nil { // the users must get to their homes
		t.Fatal(err)
	}
	s.socket = filepath.Join(s.dir, "run/lmtp")
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 65534, 65534
	}
	for _, user := range []string{"bob", "carol"} {
		home := filepath.Join(s.dir, "homes", user)
		if err := errors.Join(os.MkdirAll(home, 0o755), os.Chown(home, uid, gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.write("users.toml", fmt.Sprintf("driver = \"static\"\nuid = \"%d\"\ngid = \"%d\"\nhome = \"%s/homes/%%n\"\n", uid, gid, s.dir))
	s.configure(`users = ["bob"]`, more)
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// configure writes the configuration: more keys of [userdb], and what follows it.
func (s *site) configure(users, more string) {
	s.t.Helper()
	userdb, err := os.ReadFile(filepath.Join(s.dir, "users.toml"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("dovetail.toml", fmt.Sprintf(`
hostname = "mx.example.org"
auth_username_format = "%%n"
[mail]
first_valid_uid = 1
[submission]
sendmail = ""
[userdb]
%s
%s
%s
`, userdb, users, more))
}

// server is a dovetail-lmtpd that runs.
type server struct {
	*peer.Process
	t *testing.T
}

// start starts the program; prepare may change the command before.
func (s *site) start(prepare func(*exec.Cmd), args ...string) *server {
	s.t.Helper()
	cmd := exec.Command(name, append([]string{"-c", filepath.Join(s.dir, "dovetail.toml")}, args...)...)
	if prepare != nil {
		prepare(cmd)
	}
	s.started++
	return &server{peer.StartCommand(s.t, filepath.Join(s.dir, fmt.Sprint("log", s.started)), cmd), s.t}
}

func (p *server) output() string { p.t.Helper(); return p.Output(p.t) }

// logs waits until the log holds text so many times.
func (p *server) logs(text string, times int) {
	p.t.Helper()
	p.Says(p.t, text, times, patience)
}

func (p *server) signal(sig os.Signal) { p.t.Helper(); p.Signal(p.t, sig) }

// ends waits for the program's end, which must be a success.
func (p *server) ends() { p.t.Helper(); p.fails(0, "") }

// stop ends the server by SIGTERM, which must be a success.
func (p *server) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.ends()
}

// fails waits for the program's end with a status and an error text.
func (p *server) fails(status int, text string) {
	p.t.Helper()
	if got := p.Ended(p.t, patience); got != status || !strings.Contains(p.output(), text) {
		p.t.Errorf("status %d, want %d and %q:\n%s", got, status, text, p.output())
	}
}

// client is a connection to a server.
type client struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func dial(t *testing.T, network, address string) *client {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	c := &client{Conn: conn, t: t, in: bufio.NewReader(conn)}
	c.expect("220 mx.example.org dovetail ready")
	c.say("LHLO test")
	c.expect("250-mx.example.org")
	for c.expect("250") != "250" {
	}
	return c
}

func (c *client) say(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads a line that begins with want. It gives "250" for the last line of
// a reply of several.
func (c *client) expect(want string) string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, want) {
		c.t.Fatalf("the server says %q, %v; want %q", line, err, want)
	}
	return strings.TrimSuffix(line[:4], " ")
}

// deliver sends a message to a user; the reply must begin with want.
func (c *client) deliver(user, want string) {
	c.t.Helper()
	c.say("MAIL FROM:<alice@example.org>", "RCPT TO:<"+user+"@example.org>", "DATA", "Subject: x", "", "body", ".")
	for _, code := range []string{"250", "250", "354", want} {
		c.expect(code)
	}
}

// mail counts the messages of a user.
func (s *site) mail(user string) int {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "homes", user, "Maildir/new/*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(files)
}

func TestServe(t *testing.T) {
	s := newSite(t, "")
	second := filepath.Join(s.dir, "second")
	p := s.start(nil, "--listen", "unix:"+s.socket, "--listen", "unix:"+second, "-o", "lmtp.socket_mode=0600")
	p.logs("msg=ready", 2)
	for _, path := range []string{s.socket, second} {
		dial(t, "unix", path).deliver("bob", "250 2.0.0 <bob@example.org> ")
		if st, err := os.Stat(path); err != nil || st.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
	if n := s.mail("bob"); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	// A delivery under way ends before the server.
	c := dial(t, "unix", s.socket)
	c.say("MAIL FROM:<>", "RCPT TO:<bob>", "DATA", "Subject: late", "")
	for _, code := range []string{"250", "250", "354"} {
		c.expect(code)
	}
	p.signal(syscall.SIGTERM)
	p.logs("no new sessions", 1)
	if _, err := net.Dial("unix", second); err == nil {
		t.Error("a new session after SIGTERM")
	}
	c.say("body", ".")
	c.expect("250 2.0.0")
	c.expect("421 4.3.2")
	p.ends()
	if n := s.mail("bob"); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	if _, err := os.Lstat(s.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestListen(t *testing.T) {
	s := newSite(t, "")
	if err := os.MkdirAll(filepath.Dir(s.socket), 0o755); err != nil {
		t.Fatal(err)
	}
	// A socket that a killed server has left does not matter.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	p := s.start(nil, "--listen", "unix:"+s.socket)
	p.logs("msg=ready", 1)
	// A server that answers keeps its place; nor is anything else removed.
	s.start(nil, "--listen", "unix:"+s.socket).fails(75, "another server answers")
	file := filepath.Join(s.dir, "dovetail.toml")
	s.start(nil, "--listen", "unix:"+s.socket+"2", "--listen", "unix:"+file).fails(75, "not a socket")
	if _, err := os.Lstat(s.socket + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket before it is left: %v", err)
	}
	s.start(nil, "--listen", "unix:"+s.socket+"3", "-o", "lmtp.socket_user=no such user").fails(75, "no such user")
	s.start(nil, "--listen", "http://x").fails(78, "--listen")
	dial(t, "unix", s.socket).deliver("bob", "250")
	p.stop()
	q := s.start(nil, "--listen", "tcp:127.0.0.1:0")
	q.logs("msg=ready", 1)
	_, address, _ := strings.Cut(q.output(), "listen=tcp:")
	address, _, _ = strings.Cut(address, "\n")
	dial(t, "tcp", address).deliver("bob", "250")
	q.stop()
}

// At SIGHUP a broken configuration or script is reported and changes nothing.
func TestReload(t *testing.T) {
	s := newSite(t, "")
	p := s.start(nil, "--listen", "unix:"+s.socket)
	p.logs("msg=ready", 1)
	old := dial(t, "unix", s.socket)
	old.deliver("bob", "250")

	s.configure(`users = ["carol"]`, "[lmtp]\nnonsense = 1\n")
	p.signal(syscall.SIGHUP)
	p.logs("stays as it was", 1)
	p.logs("lmtp.nonsense", 1)
	s.configure(`users = ["carol"]`, fmt.Sprintf("[sieve]\nsieve_before = [%q]\n", filepath.Join(s.dir, "before.sieve")))
	s.write("before.sieve", "keep\n")
	p.signal(syscall.SIGHUP)
	p.logs("stays as it was", 2)
	p.logs("before:", 1)
	dial(t, "unix", s.socket).deliver("bob", "250")

	s.write("before.sieve", "discard;\n")
	p.signal(syscall.SIGHUP)
	p.logs("are read again", 1)
	c := dial(t, "unix", s.socket)
	c.say("MAIL FROM:<>", "RCPT TO:<bob@example.org>", "RSET")
	for _, code := range []string{"250", "550 5.1.1", "250"} {
		c.expect(code)
	}
	c.deliver("carol", "250")
	old.deliver("bob", "250") // a session goes on as it began
	if bob, carol := s.mail("bob"), s.mail("carol"); bob != 3 || carol != 0 {
		t.Errorf("%d messages for bob and %d for carol, want 3 and 0", bob, carol)
	}
	p.stop()
}

// A site script that is broken at the start is reported, and mail goes on.
func TestBrokenAtStart(t *testing.T) {
	s := newSite(t, "")
	s.configure("", fmt.Sprintf("[sieve]\nsieve_before = [%q]\n", filepath.Join(s.dir, "before.sieve")))
	s.write("before.sieve", "keep\n")
	p := s.start(nil, "--listen", "unix:"+s.socket)
	p.logs("site scripts do not compile", 1)
	p.logs("msg=ready", 1)
	dial(t, "unix", s.socket).deliver("bob", "250")
	p.stop()
	s.write("dovetail.toml", "nonsense = 1\n")
	s.start(nil).fails(78, "nonsense: unknown key")
	for text, want := range map[string]string{
		"[lmtp]\nssl_cert = \"/nonexistent/cert\"\nssl_key = \"/nonexistent/key\"\n": "dovetail.toml:2: lmtp.ssl_cert: open /nonexistent/cert",
		"[lmtp]\nspool_dir = \"/nonexistent/dir\"\n":                                 "dovetail.toml:2: lmtp.spool_dir: stat /nonexistent/dir",
		"[lmtp]\nspool_dir = \"/dev/null\"\n":                                        "/dev/null is not a folder",
		"[log]\nfile = \"/nonexistent/log\"\n":                                       "dovetail.toml:2: log.file: open /nonexistent/log",
	} {
		s.write("dovetail.toml", text)
		s.start(nil).fails(75, want)
	}
}

// No time for those who are under way is not the time of a default.
func TestNoShutdownTime(t *testing.T) {
	c := config.Defaults()
	c.LMTP.ShutdownTimeout, c.State.URL = 0, ""
	conf, err := (&daemon{}).serverConfig(c, slog.New(slog.DiscardHandler))
	if err != nil || conf.Limits.Grace <= 0 || conf.Limits.Grace > time.Second {
		t.Errorf("grace %v, %v", conf.Limits.Grace, err)
	}
}

func TestInetd(t *testing.T) {
	s := newSite(t, "")
	session := "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n"
	t.Run("pipes", func(t *testing.T) {
		var out bytes.Buffer
		p := s.start(func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stdout = strings.NewReader(session), &out }, "--inetd")
		p.ends()
		if got := out.String(); !strings.HasSuffix(got, " Saved\r\n221 2.0.0 Bye\r\n") {
			t.Errorf("output %q", got)
		}
	})
	// As inetd does it: one socket for all three. No log line may get into it.
	t.Run("socket", func(t *testing.T) {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := os.NewFile(uintptr(fds[0]), "client"), os.NewFile(uintptr(fds[1]), "server")
		defer ours.Close()
		p := s.start(func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs }, "--inetd")
		theirs.Close()
		if _, err := io.WriteString(ours, session); err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(ours)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if line[0] != '2' && line[0] != '3' {
				t.Errorf("not a reply: %q", line)
			}
		}
		if !strings.HasSuffix(string(out), "221 2.0.0 Bye\r\n") {
			t.Errorf("output %q", out)
		}
		p.ends()
	})
	// SIGTERM ends a session that waits.
	t.Run("stop", func(t *testing.T) {
		in, hold, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer hold.Close()
		var out bytes.Buffer
		ready := make(chan struct{})
		p := s.start(func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stdout = in, &notice{w: &out, first: ready} }, "--inetd")
		in.Close()
		<-ready
		p.stop()
		if !strings.Contains(out.String(), "421 4.3.2") {
			t.Errorf("output %q", out.String())
		}
	})
	if n := s.mail("bob"); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// notice closes first at the first write.
type notice struct {
	w     io.Writer
	first chan struct{}
	once  sync.Once
}

func (n *notice) Write(p []byte) (int, error) {
	defer n.once.Do(func() { close(n.first) })
	return n.w.Write(p)
}

// Sockets that systemd passes are used in place of the configuration's, and
// systemd hears of every state.
func TestSystemd(t *testing.T) {
	s := newSite(t, "")
	s.configure("", fmt.Sprintf("[lmtp]\nlisten = [\"unix:%s/unused\"]\n", s.dir))
	l, err := net.Listen("unix", filepath.Join(s.dir, "passed"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(s.dir, "notify"), Net: "unixgram"})
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
	p := s.start(func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{file}
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "NOTIFY_SOCKET="+notify.LocalAddr().String())
		// LISTEN_PID must be the program's own.
		cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		if cmd.Path, err = exec.LookPath("sh"); err != nil {
			t.Fatal(err)
		}
	})
	hears("READY=1")
	dial(t, "unix", l.Addr().String()).deliver("bob", "250")
	if _, err := os.Lstat(filepath.Join(s.dir, "unused")); err == nil {
		t.Error("the configured socket is there too")
	}
	p.signal(syscall.SIGHUP)
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	p.signal(syscall.SIGTERM)
	hears("STOPPING=1")
	p.ends()
	if _, err := os.Lstat(l.Addr().String()); err != nil {
		t.Errorf("systemd's socket: %v", err)
	}
}
