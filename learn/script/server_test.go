package script_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/peer"
	"dovetail/learn/script"
)

// got is a request with its whole body.
type got struct {
	script.Request
	text string
	err  error // of reading the body
}

// service is a server under test, which notes what it gets.
type service struct {
	server  *script.Server
	path    string
	got     chan got
	failed  chan error
	release chan struct{} // the handler waits for it, when not nil
	err     error         // what the handler gives
	busy    atomic.Int32  // handlers at work
}

func start(t *testing.T, limits script.Limits, s *service) *service {
	t.Helper()
	s.got, s.failed = make(chan got, 100), make(chan error, 100)
	s.server = &script.Server{Limits: limits, Handler: s.handle, Failed: func(_ string, _ uint32, err error) { s.failed <- err }}
	s.serve(t)
	return s
}

// serve serves one more socket, in place of the one before for what follows.
func (s *service) serve(t *testing.T) {
	t.Helper()
	s.path = filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.server.Serve(ctx, "learn-spam", l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for dir := filepath.Dir(s.path); dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		err = errors.Join(err, os.Chmod(dir, 0o755))
	}
	if err = errors.Join(err, os.Chmod(s.path, 0o666)); err != nil {
		t.Fatal(err)
	}
}

func (s *service) handle(_ context.Context, r script.Request) error {
	s.busy.Add(1)
	defer s.busy.Add(-1)
	if s.release != nil {
		<-s.release
	}
	text, err := io.ReadAll(r.Body)
	s.got <- got{r, string(text), err}
	return errors.Join(s.err, err)
}

func (s *service) dial(t *testing.T) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// say sends text, shuts down, and gives the answer.
func (s *service) say(t *testing.T, text string) string {
	t.Helper()
	c := s.dial(t)
	if _, err := io.WriteString(c, text); err != nil {
		return "" // the server has closed
	}
	if err := c.CloseWrite(); err != nil {
		return ""
	}
	answer, _ := io.ReadAll(c)
	return string(answer)
}

const version = "VERSION\tscript\t4\t0\n"

func TestRequest(t *testing.T) {
	s := start(t, script.Limits{}, &service{})
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct {
		text   string
		args   []string
		env    map[string]string
		body   string
		answer string
	}{
		// As captured from Dovecot 2.3.19 and 2.4.1.
		{version + "env_USER=user1\nenv_HOME=/home/user1\nenv_HOST=vm\n-\nuser1\n\nFrom: a@example.net\r\n\r\nbody\r\n",
			[]string{"user1"}, map[string]string{"USER": "user1", "HOME": "/home/user1", "HOST": "vm"}, "From: a@example.net\r\n\r\nbody\r\n", "+\n"},
		{version + "-\n\n", nil, nil, "", "+\n"},
		{version + "noreply\n\nbody", nil, nil, "body", ""},
		{version + "env_A=b=c\nenv_D\n-\nenv_x\n\n", []string{"env_x"}, map[string]string{"A": "b=c", "D": ""}, "", "+\n"},
		{version + "-\na\x01tb\x011t\x01n\x01r\x010\n" + long + "\n\n\n\nbody", []string{"a\tb\x01t\n\r\x00", long}, nil, "\n\nbody", "+\n"},
		{"VERSION\tscript\t4\t7\n-\n\nbody", nil, nil, "body", "+\n"},
	} {
		if answer := s.say(t, c.text); answer != c.answer {
			t.Errorf("%.60q: answer %q", c.text, answer)
		}
		g := <-s.got
		if g.err != nil || g.Name != "learn-spam" || g.UID != uint32(os.Geteuid()) || g.text != c.body ||
			!slices.Equal(g.Args, c.args) || !maps.Equal(g.Env, c.env) {
			t.Errorf("%.60q: %+v", c.text, g)
		}
	}
	if len(s.failed) > 0 {
		t.Error(<-s.failed)
	}
}

func TestNoRequest(t *testing.T) {
	s := start(t, script.Limits{Header: 1000}, &service{})
	for _, text := range []string{
		"", "\n", "GET / HTTP/1.0\r\n\r\n", version, version + "-\n", version + "-\nuser1\n", version + "-\nuser1", version + "env_USER=user1\n",
		"VERSION\tscript\t3\t0\n-\n\nbody", "VERSION\tscript\t5\t0\n-\n\nbody", "VERSION\tauth\t4\t0\n-\n\nbody", "VERSION\tscript\t4\n-\n\nbody",
		version + "\nbody", version + "yes\n\nbody",
		version + "-\n" + strings.Repeat("x", 1000) + "\n\nbody",
		version + strings.Repeat("env_A=b\n", 200) + "-\n\nbody",
		strings.Repeat("x", 1_000_000),
	} {
		if answer := s.say(t, text); answer != "" {
			t.Errorf("%.60q: answer %q", text, answer)
		}
		if err := <-s.failed; err == nil {
			t.Errorf("%.60q: no error", text)
		}
	}
	if len(s.got) > 0 {
		t.Errorf("handled: %+v", <-s.got)
	}
}

func TestHandlerFails(t *testing.T) {
	s := start(t, script.Limits{}, &service{err: errors.New("no")})
	if answer := s.say(t, version+"-\n\nbody"); answer != "-\n" {
		t.Errorf("answer %q", answer)
	}
	if answer := s.say(t, version+"noreply\n\nbody"); answer != "" {
		t.Errorf("answer %q", answer)
	}
	for range 2 {
		if err := <-s.failed; !strings.Contains(err.Error(), "no") {
			t.Error(err)
		}
	}
}

// What the handler does not read is read for it, or the client's writing fails.
func TestAllIsRead(t *testing.T) {
	for _, want := range []error{nil, errors.New("no")} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		server := &script.Server{Handler: func(context.Context, script.Request) error { return want }}
		done := make(chan error)
		go func() { done <- server.Serve(ctx, "x", l) }()
		s := &service{path: path}
		c := s.dial(t)
		if _, err := io.WriteString(c, version+"-\n\n"+strings.Repeat("x", 5_000_000)); err != nil {
			t.Error(err)
		}
		c.CloseWrite()
		answer, err := io.ReadAll(c)
		if wanted := map[bool]string{true: "+\n", false: "-\n"}[want == nil]; string(answer) != wanted || err != nil {
			t.Errorf("answer %q, %v", answer, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A client that dies in the middle of the message has sent no message.
func TestHalfMessage(t *testing.T) {
	s := start(t, script.Limits{}, &service{})
	for _, text := range []string{version + "-\n\nFrom: a\n\nhalf", version + "-\n\n"} {
		c := s.dial(t)
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if g := <-s.got; !errors.Is(g.err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %+v", text, g)
		}
		if err := <-s.failed; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTooBig(t *testing.T) {
	s := start(t, script.Limits{Message: 1000}, &service{})
	if answer := s.say(t, version+"-\n\n"+strings.Repeat("x", 1000)); answer != "+\n" {
		t.Errorf("answer %q", answer)
	}
	if g := <-s.got; len(g.text) != 1000 {
		t.Errorf("%d bytes", len(g.text))
	}
	if answer := s.say(t, version+"-\n\n"+strings.Repeat("x", 1001)); answer == "+\n" {
		t.Errorf("answer %q", answer)
	}
	if g := <-s.got; !errors.Is(g.err, script.ErrTooBig) {
		t.Errorf("%v", g.err)
	}
}

// Clients that send nothing, or never an end, are not waited for.
func TestHang(t *testing.T) {
	slowly := start(t, script.Limits{HeaderTime: 50 * time.Millisecond, Time: time.Hour}, &service{})
	never := start(t, script.Limits{HeaderTime: time.Hour, Time: 200 * time.Millisecond}, &service{})
	for text, s := range map[string]*service{"": slowly, version + "-\nuser1\n": slowly, version + "-\n\nhalf a message": never} {
		c := s.dial(t)
		_, _ = io.WriteString(c, text) // fails when the server has closed already
		if answer, _ := io.ReadAll(c); strings.Contains(string(answer), "+") {
			t.Errorf("%q: answer %q", text, answer)
		}
		if err := <-s.failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// There are never more handlers at work than Limits.Connections, and who waits is
// served in the end.
func TestConnections(t *testing.T) {
	s := start(t, script.Limits{Connections: 3}, &service{release: make(chan struct{})})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if answer := s.say(t, fmt.Sprint(version, "-\nuser", i, "\n\nbody")); answer != "+\n" {
				t.Errorf("answer %q", answer)
			}
		})
	}
	for s.busy.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // for more than that, which would be wrong
	for range 20 {
		if n := s.busy.Load(); n > 3 {
			t.Errorf("%d handlers at work", n)
		}
		s.release <- struct{}{}
	}
	wg.Wait()
	if len(s.got) != 20 {
		t.Errorf("%d requests", len(s.got))
	}
}

// One uid cannot take the connections of all, whichever sockets of the server it uses.
func TestUser(t *testing.T) {
	peer.Need(t, peer.Root)
	s := start(t, script.Limits{Connections: 10, User: 2}, &service{})
	dial := func(uid uint32) (c *net.UnixConn) {
		err := fsx.Credentials{UID: uid, GID: uid}.Do(func() error { c = s.dial(t); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ask := func(c *net.UnixConn) string {
		_, _ = io.WriteString(c, version+"-\nuser1\n\nbody") // fails when the server has closed
		_ = c.CloseWrite()
		answer, _ := io.ReadAll(c)
		return string(answer)
	}
	three := []*net.UnixConn{dial(peer.MailUID)}
	s.serve(t)
	three = append(three, dial(peer.MailUID), dial(peer.MailUID))
	if err := <-s.failed; !strings.Contains(err.Error(), "2 connections already") {
		t.Error(err)
	}
	if answer := ask(dial(peer.MailUID + 1)); answer != "+\n" {
		t.Errorf("another uid: %q", answer)
	}
	refused := 0 // whichever of them the server came to last
	for i, c := range three {
		switch answer := ask(c); answer {
		case "":
			refused++
		case "+\n":
		default:
			t.Errorf("connection %d: %q", i, answer)
		}
	}
	if refused != 1 {
		t.Errorf("%d of three were refused", refused)
	}
	if answer := ask(dial(peer.MailUID)); answer != "+\n" {
		t.Errorf("a uid whose connections have ended: %q", answer)
	}
}

// The end of the server's context ends no request that is under way.
func TestStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	entered, release := make(chan struct{}), make(chan struct{})
	server := &script.Server{Handler: func(ctx context.Context, r script.Request) error {
		close(entered)
		<-release
		return ctx.Err()
	}}
	done := make(chan error)
	go func() { done <- server.Serve(ctx, "x", l) }()
	answer := make(chan string)
	s := &service{path: path}
	go func() { answer <- s.say(t, version+"-\n\nbody") }()
	<-entered
	cancel()
	select {
	case <-done:
		t.Error("Serve did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if a := <-answer; a != "+\n" {
		t.Errorf("answer %q", a)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func FuzzRequest(f *testing.F) {
	for _, text := range []string{version + "env_USER=user1\n-\nuser1\n\nbody", version + "noreply\n\n", version + "-\na\x01tb\n\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, rest, err := script.ReadRequest(strings.NewReader(text), 1000)
		if err != nil {
			return
		}
		body, err := io.ReadAll(rest)
		if err != nil || !strings.HasSuffix(text, "\n\n"+string(body)) && !strings.HasSuffix(text, "\n"+string(body)) {
			t.Errorf("%q: body %q, %v", text, body, err)
		}
		size := 0
		for _, arg := range r.Args {
			size += len(arg)
		}
		if size > 1000 {
			t.Errorf("%d bytes of arguments", size)
		}
	})
}
