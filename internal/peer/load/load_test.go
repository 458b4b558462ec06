package load

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// backend is a server that keeps what it is given, and refuses recipients of
// the name refused.
type backend struct {
	refused string

	mu     sync.Mutex
	stored map[string]int // recipient → messages
	broken int            // messages that are not whole
}

func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{backend: b}, nil }

type session struct {
	*backend
	rcpts []string
}

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.rcpts = append(s.rcpts, to)
	return nil
}
func (s *session) Reset()        { s.rcpts = nil }
func (s *session) Logout() error { return nil }
func (s *session) Data(io.Reader) error {
	return errors.New("LMTP only")
}

func (s *session) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, whole := Whole(string(text)); !whole {
		s.broken++
	}
	for _, rcpt := range s.rcpts {
		if rcpt == s.refused {
			status.SetStatus(rcpt, &smtp.SMTPError{Code: 550, Message: "no"})
			continue
		}
		s.stored[rcpt]++
		status.SetStatus(rcpt, nil)
	}
	return nil
}

func startServer(t *testing.T, b *backend) string {
	t.Helper()
	b.stored = map[string]int{}
	path := filepath.Join(t.TempDir(), "lmtp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(b)
	server.LMTP = true
	server.Domain = "test"
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	return "unix:" + path
}

// Every message arrives whole at every recipient, evenly spread.
func TestRun(t *testing.T) {
	b := &backend{}
	addr := startServer(t, b)
	var mu sync.Mutex
	acked := map[string]int{}
	stats, err := Run(context.Background(), Options{
		Addr: addr, Conns: 3, Messages: 20, Users: 5, Rcpts: 4, Size: 2000, Header: "X-Spam-Flag: YES\r\n",
		Acked: func(_, rcpt string) {
			mu.Lock()
			acked[rcpt]++
			mu.Unlock()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if stats.Deliveries != 80 || stats.P50 <= 0 || stats.P99 < stats.P50 || stats.Max < stats.P99 || stats.PerSecond() <= 0 {
		t.Errorf("statistics %+v", stats)
	}
	if len(b.stored) != 5 || b.broken > 0 {
		t.Errorf("stored %v, broken %d", b.stored, b.broken)
	}
	for rcpt, n := range b.stored {
		if n != 16 || acked[rcpt] != 16 {
			t.Errorf("%s: stored %d and acknowledged %d, want 16", rcpt, n, acked[rcpt])
		}
	}
}

func TestRunReportsRefusal(t *testing.T) {
	addr := startServer(t, &backend{refused: "user2@example.org"})
	stats, err := Run(context.Background(), Options{Addr: addr, Messages: 3, Users: 2, Rcpts: 2})
	if !errors.Is(err, errReply) || !strings.Contains(err.Error(), "user2@example.org") {
		t.Errorf("error %v", err)
	}
	if stats.Deliveries != 1 {
		t.Errorf("%d deliveries before the refusal, want 1", stats.Deliveries)
	}
}

// A server that never answers does not hold Run past its context.
func TestRunEndsWithContext(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, Options{Addr: "unix:" + l.Addr().String()}); err == nil {
		t.Error("no error from a server that does not answer")
	}
}

func TestMessage(t *testing.T) {
	for _, size := range []int{500, 4096, 1 << 20} {
		m := Message("7.8", size, "X-A: b\r\n")
		if len(m) > size || len(m) < size-100 {
			t.Errorf("%d bytes instead of %d", len(m), size)
		}
		if id, whole := Whole("Return-Path: <a@b>\n" + strings.ReplaceAll(string(m), "\r\n", "\n")); id != "7.8" || !whole {
			t.Errorf("size %d: id %q, whole %v", size, id, whole)
		}
		for _, cut := range []string{string(m[:len(m)-1]), string(m[:len(m)/2]), string(m[:10]), ""} {
			if _, whole := Whole(cut); whole {
				t.Errorf("cut at %d of %d and still whole", len(cut), len(m))
			}
		}
		if lost := strings.Replace(string(m), "000001 ", "000002 ", 1); size > 500 && lost != string(m) {
			if _, whole := Whole(lost); whole {
				t.Error("a wrong line was not seen")
			}
		}
	}
}
