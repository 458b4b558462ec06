package e2e

import (
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/load"
)

// ledger notes which messages the server has said to be delivered to whom.
type ledger struct {
	mu    sync.Mutex
	acked map[string]map[string]bool // ids by user
	n     int
	done  chan struct{} // closed at the acknowledgement number wait
	wait  int
}

func newLedger(wait int) *ledger {
	return &ledger{acked: map[string]map[string]bool{}, done: make(chan struct{}), wait: wait}
}

func (l *ledger) add(id, rcpt string) {
	user, _, _ := strings.Cut(rcpt, "@")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.acked[user] == nil {
		l.acked[user] = map[string]bool{}
	}
	l.acked[user][id] = true
	if l.n++; l.n == l.wait {
		close(l.done)
	}
}

// loadUntil puts load on the server until enough is acknowledged, then calls
// end, which ends the server, and waits for the load to end too.
func (s *site) loadUntil(l *ledger, o load.Options, end func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o.Addr, o.Messages, o.Acked, o.Apart = s.lmtp(), 1<<30, l.add, true
	ended := make(chan error, 1)
	go func() {
		_, err := load.Run(ctx, o)
		ended <- err
	}()
	select {
	case <-l.done:
		end()
	case err := <-ended:
		s.t.Fatalf("the load ended too early: %v\n%s", err, s.server.Output(s.t))
	}
	if err := <-ended; ctx.Err() != nil {
		s.t.Fatalf("the load does not end: %v", err)
	}
}

// arrived returns how often each message is in the INBOX of a user, and fails
// the test when one of them is not whole.
func (s *site) arrived(user string) map[string]int {
	s.t.Helper()
	ids := map[string]int{}
	for _, m := range s.mail(user, "INBOX") {
		id, whole := load.Whole(m.text)
		if !whole {
			s.t.Errorf("%s is not whole (%d bytes)", m.path, len(m.text))
		}
		ids[id]++
	}
	return ids
}

// However often the server is killed under load, each acknowledged message is
// whole in its mailbox, none is there by half, and the server starts again on
// the socket that the dead one has left.
func TestKill(t *testing.T) {
	s := newSite(t, append(peer.OneUID(6), peer.OwnUIDs(9)[6:]...))
	for _, o := range []load.Options{
		{Conns: 8, Users: 9},
		{Conns: 40, Users: 9, Size: 1 << 10},
		{Conns: 4, Users: 9, Rcpts: 6},
		{Conns: 4, Users: 9, Size: 1 << 20}, // beyond what a session keeps in memory
	} {
		s.start()
		l := newLedger(60)
		s.loadUntil(l, o, s.server.Kill)
		if _, err := os.Lstat(s.socket); err != nil {
			t.Fatalf("no stale socket is left: %v", err)
		}
		for _, u := range s.users {
			ids := s.arrived(u.Name)
			for id := range l.acked[u.Name] {
				if ids[id] != 1 {
					t.Errorf("%d copies of message %s are with %s, want 1", ids[id], id, u.Name)
				}
			}
			s.sound(u.Name, time.Hour)
		}
	}
	s.start()
	if err := s.deliver("user1", letter); err != nil {
		t.Errorf("after it all: %v", err)
	}
}

// SIGTERM under load: what the client has sent whole is delivered and answered,
// and the exit status is 0. So nothing is stored that was not acknowledged.
func TestTerminate(t *testing.T) {
	for name, o := range map[string]load.Options{
		"one recipient":  {Conns: 8, Users: 5},
		"six recipients": {Conns: 4, Users: 6, Rcpts: 6},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, peer.OneUID(6))
			s.start()
			l := newLedger(200)
			s.loadUntil(l, o, func() {
				s.server.Signal(t, syscall.SIGTERM)
				if status := s.server.Ended(t, patience); status != 0 {
					t.Errorf("exit status %d\n%s", status, s.server.Output(t))
				}
			})
			for _, u := range s.users {
				ids := s.arrived(u.Name)
				for id, n := range ids {
					if n != 1 || !l.acked[u.Name][id] {
						t.Errorf("%d copies of message %s are with %s, acknowledged: %v", n, id, u.Name, l.acked[u.Name][id])
					}
				}
				if len(ids) != len(l.acked[u.Name]) {
					t.Errorf("%s has %d messages, acknowledged are %d", u.Name, len(ids), len(l.acked[u.Name]))
				}
				s.sound(u.Name, 0)
			}
			if _, err := os.Lstat(s.socket); !os.IsNotExist(err) {
				t.Errorf("the socket is still there: %v", err)
			}
		})
	}
}
