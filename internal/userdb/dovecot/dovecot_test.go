package dovecot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
	"dovetail/internal/userdb/userdbtest"
)

var sample = map[string]string{
	"bob@example.org": "bob@example.org\tuid=65534\tgid=65533\thome=/srv/bob\tquota_rule=*:bytes=3k\tmail=maildir:~/Maildir",
	"Anna":            "anna\tuid=1\tgid=2\thome=/a\x01tb\x01\x01c\x01n\tlocal_name=\t\tflag\tquota_rule2=b\tquota_rule=a",
	"anna":            "anna\tuid=1\tgid=2\thome=/anna",
	"new":             "new\tuid=1\tgid=2\thome=/new\tmail_driver=maildir\tmail_path=/m/new\tmail_inbox_path=/m/in\tmailbox_list_layout=fs\tmailbox_list_utf8=yes",
}

func TestSuite(t *testing.T) {
	s := startFake(t, greeting23, users(sample))
	userdbtest.Run(t, userdbtest.Fixture{
		Driver: s.driver(t),
		Users: []userdb.User{
			{Name: "bob@example.org", UID: 65534, GID: 65533, Home: "/srv/bob", Mail: "maildir:~/Maildir", QuotaRules: []string{"*:bytes=3k"}},
			{Name: "new", UID: 1, GID: 2, Home: "/new", Fields: map[string]string{
				"mail_driver": "maildir", "mail_path": "/m/new", "mail_inbox_path": "/m/in", "mailbox_list_layout": "fs", "mailbox_list_utf8": "yes"}},
		},
		All:    []string{"bob@example.org", "Anna", "anna", "new"},
		Broken: New(Options{Socket: "/nonexistent/auth-userdb"}),
	})
	for _, line := range s.questions() {
		if !strings.HasPrefix(line, "USER\t") && !strings.HasPrefix(line, "LIST\t") || strings.Count(line, "\t") != 3 && !strings.HasPrefix(line, "USER\t1\tbob") {
			t.Errorf("a name became part of the protocol: %q", line)
		}
	}
}

func TestAnswerIsUnderstood(t *testing.T) {
	s := startFake(t, "VERSION\t1\t4\nSPID\t1\n", users(sample))
	u, err := s.driver(t).Lookup(t.Context(), "Anna")
	if err != nil {
		t.Fatal(err)
	}
	if u.Name != "anna" || u.Home != "/a\tb\x01c\n" || strings.Join(u.QuotaRules, " ") != "a b" || len(u.Fields) != 2 {
		t.Errorf("got %+v", u)
	}
	if asked := s.questions(); len(asked) != 1 || asked[0] != "USER\t1\tAnna\tservice=lmtp" {
		t.Errorf("asked %q", asked)
	}
}

// What Dovecot does not say comes from the settings, and root's uid is not nothing.
func TestCompleted(t *testing.T) {
	s := startFake(t, greeting23, users(map[string]string{
		"bare@b.org": "bare@b.org", "full": "full\tuid=7\tgid=8\thome=/full", "root": "root\tuid=0\tgid=0",
	}))
	d := New(Options{Socket: s.socket, UID: 1500, GID: 1600, Home: expand.MustParse("/srv/%d/%n")})
	defer d.Close()
	for name, want := range map[string]string{
		"bare@b.org": "user bare@b.org uid 1500 gid 1600 home /srv/b.org/bare", "full": "user full uid 7 gid 8 home /full",
	} {
		if u, err := d.Lookup(t.Context(), name); err != nil || u.String() != want {
			t.Errorf("got %v, %v, want %s", u, err, want)
		}
	}
	if u, err := d.Lookup(t.Context(), "root"); err == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), `uid "0" is root's`) {
		t.Errorf("root: %v, %v", u, err)
	}
	if u, err := s.driver(t).Lookup(t.Context(), "bare@b.org"); err != nil || u.UID != 0 || u.Home != "" {
		t.Errorf("without settings: %v, %v", u, err)
	}
}

func TestFaults(t *testing.T) {
	id := func(format string) func([]string) string {
		return func(f []string) string { return fmt.Sprintf(format, f[1]) }
	}
	long := strings.Repeat("x", maxLine+10)
	tests := []struct {
		name, greeting string
		answer         func([]string) string
		want           string
	}{
		{"FAIL", greeting23, id("FAIL\t%s\n"), "the user could not be looked up by Dovecot"},
		{"FAIL with reason", greeting23, id("FAIL\t%s\treason=no\x01tSQL\n"), "looked up by Dovecot: no\tSQL"},
		{"no name", greeting23, id("USER\t%s\n"), "without a name"},
		{"bad uid", greeting23, id("USER\t%s\tbob\tuid=no-such-user-here\n"), `uid "no-such-user-here"`},
		{"another answer", greeting23, id("PASS\t%s\tuser=bob\n"), "unknown answer"},
		{"closes", greeting23, func([]string) string { return "" }, "the connection broke"},
		{"long line", greeting23, id("USER\t%s\t" + long + "\n"), "a line is longer"},
		{"client socket", "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\tx\nDONE\n", nil, "auth-client socket"},
		{"another version", "VERSION\t2\t0\nSPID\t1\n", nil, "unknown version of the protocol"},
		{"another server", "220 mail ESMTP\r\n", nil, "does not look like Dovecot's auth-userdb socket: it says \"220 mail ESMTP"},
		{"long greeting", long, nil, "a line is longer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startFake(t, tt.greeting, tt.answer)
			u, err := s.driver(t).Lookup(t.Context(), "bob")
			if u != nil || err == nil || mailerr.Of(err).Code != 451 || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), s.socket) {
				t.Errorf("got %v, %v, want %q and the socket", u, err, tt.want)
			}
			if strings.Contains(mailerr.Of(err).Public, s.socket) {
				t.Errorf("the public text names the socket: %s", mailerr.Of(err).Public)
			}
		})
	}
}

// Questions go out before earlier ones are answered, over one connection, and
// answers find their askers in any order.
func TestManyInFlight(t *testing.T) {
	const n = 50
	var mu sync.Mutex
	var held []string
	s := startFake(t, greeting23, func(f []string) string {
		mu.Lock()
		defer mu.Unlock()
		held = append([]string{fmt.Sprintf("USER\t%s\t%s\tuid=1\tgid=1\thome=/h/%s\n", f[1], f[2], f[2])}, held...)
		if len(held) < n {
			return "silence"
		}
		return "USER\t999999\tnobody asked\nnonsense\nX\ty\n" + strings.Join(held, "")
	})
	d := s.driver(t)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("user%d", i)
			if u, err := d.Lookup(t.Context(), name); err != nil || u.Home != "/h/"+name {
				t.Errorf("%s: got %v, %v", name, u, err)
			}
		})
	}
	wg.Wait()
	if s.connections() != 1 {
		t.Errorf("%d connections", s.connections())
	}
}

// A restart of Dovecot goes unnoticed, even by a question in flight.
func TestReconnect(t *testing.T) {
	var broken sync.Once
	s := startFake(t, greeting23, nil)
	s.answer = func(f []string) string {
		reply := users(sample)(f)
		broken.Do(func() { reply = "" })
		return reply
	}
	d := s.driver(t)
	if u, err := d.Lookup(t.Context(), "anna"); err != nil || u.Home != "/anna" {
		t.Errorf("broken in flight: %v, %v", u, err)
	}
	s.stop()
	if _, err := d.Lookup(t.Context(), "anna"); err == nil || mailerr.IsPermanent(err) {
		t.Errorf("while it is down: %v", err)
	}
	s.listen()
	if u, err := d.Lookup(t.Context(), "anna"); err != nil || u.Home != "/anna" {
		t.Errorf("when it is up again: %v, %v", u, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if u, err := d.Lookup(t.Context(), "anna"); err != nil || u.Home != "/anna" {
		t.Errorf("after Close: %v, %v", u, err)
	}
}

// An auth process that dies at its start, as one may in the middle of a reload, is
// followed by another one.
func TestDyingServer(t *testing.T) {
	s := startFake(t, greeting23, users(sample))
	s.mu.Lock()
	s.dying = 3
	s.mu.Unlock()
	d := s.driver(t)
	if u, err := d.Lookup(t.Context(), "anna"); err != nil || u.Home != "/anna" {
		t.Errorf("%v, %v", u, err)
	}
}

// The auth process of a Dovecot that was stopped or reloaded serves whoever is
// connected for as long as they stay. It is left as soon as the socket is gone or another one.
func TestSocketReplaced(t *testing.T) {
	old := startFake(t, greeting23, users(sample))
	d := old.driver(t)
	if _, err := d.Lookup(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(old.socket); err != nil {
		t.Fatal(err)
	}
	if u, err := d.Lookup(t.Context(), "anna"); err != nil || u.Home != "/anna" {
		t.Errorf("without a socket: %v, %v", u, err)
	}
	deaf, err := net.ListenUnix("unix", &net.UnixAddr{Name: old.socket})
	if err != nil {
		t.Fatal(err)
	}
	deaf.SetUnlinkOnClose(false)
	deaf.Close()
	if u, err := d.Lookup(t.Context(), "anna"); err != nil || u.Home != "/anna" {
		t.Errorf("with a socket that nobody serves: %v, %v", u, err)
	}
	if err := os.Remove(old.socket); err != nil {
		t.Fatal(err)
	}
	fresh := &fake{t: t, socket: old.socket, greeting: greeting23, answer: users(map[string]string{"anna": "uid=1000\tgid=1000\thome=/new"})}
	fresh.listen()
	defer fresh.stop()
	for range 3 {
		if u, err := d.Lookup(t.Context(), "anna"); err != nil || u.Home != "/new" {
			t.Errorf("of the new one: %v, %v", u, err)
		}
	}
	if n := fresh.connections(); n != 1 {
		t.Errorf("%d connections for three questions", n)
	}
}

func TestTimeout(t *testing.T) {
	s := startFake(t, greeting23, func(f []string) string {
		if f[2] == "slow" {
			return "silence"
		}
		return users(sample)(f)
	})
	d := New(Options{Socket: s.socket, Timeout: 100 * time.Millisecond})
	defer d.Close()
	if _, err := d.Lookup(t.Context(), "slow"); err == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("got %v", err)
	}
	for end := time.Now().Add(time.Minute); ; {
		_, err := d.Lookup(t.Context(), "anna")
		if err == nil {
			break
		}
		if time.Now().After(end) { // one answer may be late on a machine that is busy
			t.Fatalf("after a timeout: %v", err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("shutting down"))
	if _, err := d.Lookup(ctx, "slow"); err == nil || mailerr.IsPermanent(err) || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("got %v", err)
	}
}

// A connection that nobody uses is closed, and there is a new one when it is needed.
func TestIdle(t *testing.T) {
	closed := make(chan bool)
	s := startFake(t, greeting23, users(sample))
	s.closed = func() { closed <- true }
	d := s.driver(t)
	d.idle = 100 * time.Millisecond
	for range 2 {
		if _, err := d.Lookup(t.Context(), "anna"); err != nil {
			t.Fatal(err)
		}
		<-closed
	}
	if n := s.connections(); n < 2 {
		t.Errorf("%d connections", n)
	}
}

func TestListFaults(t *testing.T) {
	for want, answer := range map[string]string{
		"not all users could be listed": "LIST\t1\tanna\nDONE\t1\tfail\n",
		"EOF":                           "",
	} {
		s := startFake(t, greeting23, func([]string) string { return answer })
		var last error
		for _, err := range s.driver(t).List(t.Context(), "*") {
			last = err
		}
		if last == nil || mailerr.IsPermanent(last) || !strings.Contains(last.Error(), want) {
			t.Errorf("got %v, want %q", last, want)
		}
	}
	s := startFake(t, greeting23, func([]string) string { return "silence" })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, err := range s.driver(t).List(ctx, "*") {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %q, %v", name, err)
		}
	}
}

// What the administrator has to do stands in the error.
func TestExplanations(t *testing.T) {
	s := startFake(t, greeting23, users(nil))
	d := s.driver(t)
	err := d.explainRefusal(&fs.PathError{Op: "connect", Path: s.socket, Err: fs.ErrPermission})
	for _, want := range []string{"permission denied", s.socket, "a socket of mode 0", "owner ", fmt.Sprintf("we are uid %d", os.Geteuid()), "unix_listener auth-userdb { mode = 0600 user = "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	s.stop()
	if _, err := d.Lookup(t.Context(), "anna"); !strings.Contains(err.Error(), "does Dovecot run?") {
		t.Error(err)
	}
	// A socket file that nobody listens on any more.
	if err := os.WriteFile(s.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lookup(t.Context(), "anna"); !strings.Contains(err.Error(), "does Dovecot run?") {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("USER\t1\tbob\tuid=1\thome=/x\x01ty")
	f.Add("FAIL\t1\treason=x")
	f.Fuzz(func(t *testing.T, line string) {
		fields := strings.Split(line, "\t")
		if len(fields) < 2 || strings.Contains(line, "=") && strings.Contains(line, "id=") {
			return // names of users and groups are looked up on the machine
		}
		if u, err := parseUser(fields); (u == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", line, u, err)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	s := &fake{socket: b.TempDir() + "/s", greeting: greeting23, answer: users(sample)}
	s.listen()
	defer s.stop()
	d := New(Options{Socket: s.socket})
	defer d.Close()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.Lookup(b.Context(), "anna"); err != nil {
				b.Error(err)
			}
		}
	})
}
