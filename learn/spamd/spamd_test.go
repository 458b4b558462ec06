package spamd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
	"dovetail/internal/userdb/expand"
	"dovetail/learn"
	"dovetail/learn/learntest"
	"dovetail/learn/spamd"
)

func backend(t *testing.T, o spamd.Options) *spamd.Backend {
	t.Helper()
	b, err := spamd.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSpamd(t *testing.T) {
	s := peer.StartSpamd(t, peer.SpamdOptions{})
	b := backend(t, spamd.Options{Address: "unix:" + s.Socket, User: expand.MustParse("%u"), MaxSize: 10 << 20})
	learntest.Run(t, learntest.Subject{Backend: b, Counts: s.Counts, Verdict: s.Verdict, Stop: s.Stop, Start: s.Start, Doubles: true})
	t.Run("tcp", func(t *testing.T) {
		b := backend(t, spamd.Options{Address: "tcp:" + s.Addr, User: expand.MustParse("%n_%d")})
		res := b.Learn(t.Context(), "user@example.org", learntest.Lessons(t, 1))
		if res[0].Outcome != learn.Learned || res[1].Outcome != learn.Learned {
			t.Errorf("got %+v", res)
		}
		if spam, ham := s.Counts("user_example.org"); spam != 1 || ham != 1 {
			t.Errorf("learned %d spam and %d ham", spam, ham)
		}
	})
}

// A database that cannot be written is an error, not a message that is known.
func TestNotWritable(t *testing.T) {
	s := peer.StartSpamd(t, peer.SpamdOptions{})
	b := backend(t, spamd.Options{Address: "unix:" + s.Socket, User: expand.MustParse("%u")})
	items := learntest.Lessons(t, 1)
	if err := os.Mkdir(s.Database("user1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, res := range b.Learn(t.Context(), "user1", items) {
		if res.Err == nil || !strings.Contains(res.Err.Error(), "cannot write") {
			t.Errorf("item %d: %+v", i, res)
		}
	}
	if err := os.Chmod(s.Database("user1"), 0o777); err != nil {
		t.Fatal(err)
	}
	for i, res := range b.Learn(t.Context(), "user1", items) {
		if res.Outcome != learn.Learned {
			t.Errorf("item %d: %+v", i, res)
		}
	}
}

// A spamd that may not learn is an error, not a lost lesson.
func TestNotAllowed(t *testing.T) {
	s := peer.StartSpamd(t, peer.SpamdOptions{NoTell: true})
	b := backend(t, spamd.Options{Address: "unix:" + s.Socket, User: expand.MustParse("%u")})
	for i, res := range b.Learn(t.Context(), "user1", learntest.Lessons(t, 1)) {
		if res.Err == nil || !strings.Contains(res.Err.Error(), "--allow-tell") {
			t.Errorf("item %d: %+v", i, res)
		}
	}
}

// Answers that a real spamd does not give at will.
func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		want         learn.Outcome
		wantIn       string
		asked        int
	}{
		{"learned", "SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nDidSet: local\r\n\r\n\r\n", learn.Learned, "", 2},
		{"reported too", "SPAMD/1.1 0 EX_OK\r\nDidSet: local, remote\r\n\r\n", learn.Learned, "", 2},
		{"only reported", "SPAMD/1.1 0 EX_OK\r\nDidSet: remote\r\n\r\n", "", "learned nothing", 4},
		{"nothing done", "SPAMD/1.1 0 EX_OK\r\n\r\n", "", "learned nothing", 4},
		{"bad data", "SPAMD/1.0 65 EX_DATAERR Bad header\r\n", learn.Refused, "Bad header", 2},
		{"no user", "SPAMD/1.0 67 EX_NOUSER\r\n", "", "67", 2},
		{"not allowed", "SPAMD/1.0 69 Service Unavailable: TELL commands are not enabled\r\n", "", "not enabled", 1},
		{"try again", "SPAMD/1.0 75 EX_TEMPFAIL\r\n\r\n", "", "75", 2},
		{"timeout", "SPAMD/1.0 79 Timeout: (30 second timeout)\r\n", "", "79", 2},
		{"no number", "SPAMD/1.0 OK\r\n\r\n", "", "not spamd's", 1},
		{"no end", "SPAMD/1.1 0 EX_OK\r\nDidSet: local\r\n", "", "EOF", 1},
		{"huge", "SPAMD/1.1 0 EX_OK\r\nX: " + strings.Repeat("x", 1<<20), "", "more than", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			requests := make(chan string, 10)
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					request, _ := io.ReadAll(c)
					requests <- string(request)
					_, _ = io.WriteString(c, tt.answer)
					c.Close()
				}
			}()
			items := learntest.Lessons(t, 1)
			for i, res := range backend(t, spamd.Options{Address: "unix:" + address}).Learn(t.Context(), "user1", items) {
				if res.Outcome != tt.want || (res.Err == nil) != (tt.want != "") {
					t.Errorf("item %d: %+v, want %q", i, res, tt.want)
				}
				if said := fmt.Sprint(res.Reason, res.Err); !strings.Contains(said, tt.wantIn) {
					t.Errorf("item %d: %+v, want something with %q", i, res, tt.wantIn)
				}
			}
			if len(requests) != tt.asked {
				t.Errorf("asked %d times, want %d", len(requests), tt.asked)
			}
			wantRequest(t, <-requests, string(corpus.New(1).Spam(0)))
		})
	}
}

// wantRequest wants a request for spam without a user.
func wantRequest(t *testing.T, request, message string) {
	t.Helper()
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	if body != message {
		t.Errorf("sent the message %q", body)
	}
	want := map[string]bool{"TELL SPAMC/1.5": true, "Message-class: spam": true, "Set: local": true, fmt.Sprintf("Content-length: %d", len(message)): true}
	lines := bufio.NewScanner(strings.NewReader(head))
	for lines.Scan() {
		if !want[lines.Text()] {
			t.Errorf("sent %q", lines.Text())
		}
		delete(want, lines.Text())
	}
	if len(want) > 0 {
		t.Errorf("not sent: %v", want)
	}
}

func TestRefusedUnsent(t *testing.T) {
	b := backend(t, spamd.Options{Address: "unix:/missing", User: expand.MustParse("%u"), MaxSize: 100})
	if res := b.Learn(t.Context(), "user1", learntest.Lessons(t, 1))[0]; res.Outcome != learn.Refused || !strings.Contains(res.Reason, "more than 100") {
		t.Errorf("too big: %+v", res)
	}
	b = backend(t, spamd.Options{Address: "unix:/missing", User: expand.MustParse("%u")})
	if res := b.Learn(t.Context(), "user1\r\nSet: remote", learntest.Lessons(t, 1))[0]; res.Err == nil || !strings.Contains(res.Err.Error(), "control characters") {
		t.Errorf("a name with line ends: %+v", res)
	}
}

func TestHostile(t *testing.T) {
	learntest.Hostile(t, func(network, address string) learn.Backend {
		return backend(t, spamd.Options{Address: network + ":" + address})
	})
}

func TestBadAddress(t *testing.T) {
	for _, bad := range []string{"localhost", "127.0.0.1:783", "tcp:localhost", "tcp::783", "tcp:x:0", "tcp:x:99999", "unix:s", "udp:x:1"} {
		if _, err := spamd.New(spamd.Options{Address: bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
