package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/state"
	"dovetail/internal/state/statetest"
)

func TestStore(t *testing.T) {
	p := peer.StartPostgres(t)
	statetest.Suite(t, func(t *testing.T, now func() time.Time) (state.Store, func() state.Store) {
		forget(t, p)
		open := func() state.Store {
			s, err := Open(p.URL, now)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		return open(), open
	})
	t.Run("down", func(t *testing.T) { testDown(t, p) })
	t.Run("broken", func(t *testing.T) { testBroken(t, p) })
}

// Connections that the server has ended are no error, neither of a question nor of a
// transaction, however many the pool has.
func testBroken(t *testing.T, p *peer.Postgres) {
	db, err := Database(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables := db.Tables()
	for name, use := range map[string]func() error{
		"transaction": func() error { return tables.Transact(t.Context(), func(*sql.Tx) error { return nil }) },
		"question": func() error {
			rows, err := tables.Query(t.Context(), `SELECT 1`)
			if err != nil {
				return err
			}
			defer rows.Close()
			return rows.Err()
		},
	} {
		var open, ended sync.WaitGroup
		open.Add(maxConnections)
		for range maxConnections {
			ended.Go(func() {
				began := sync.OnceFunc(open.Done)
				if err := tables.Transact(t.Context(), func(*sql.Tx) error { began(); open.Wait(); return nil }); err != nil {
					t.Error(err)
				}
				began()
			})
		}
		ended.Wait()
		psql(t, p, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`)
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// forget drops the table, so that the next store makes it.
func forget(t *testing.T, p *peer.Postgres) {
	t.Helper()
	psql(t, p, "DROP TABLE IF EXISTS seen")
}

func psql(t *testing.T, p *peer.Postgres, statement string) {
	t.Helper()
	if out, err := exec.Command("psql", p.URL, "-qc", statement).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A server that is down is an error of each call, and none any more when it is
// back: the connections of before are not in the way.
func testDown(t *testing.T, p *peer.Postgres) {
	s, err := Open(p.URL, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if won, err := s.Claim(t.Context(), statetest.Key("x"), time.Hour); !won || err != nil {
		t.Fatal(won, err)
	}
	p.Kill()
	if won, err := s.Claim(t.Context(), statetest.Key("y"), time.Hour); won || err == nil {
		t.Errorf("claimed without a server: %v, %v", won, err)
	}
	if _, err := s.Seen(t.Context(), statetest.Key("x")); err == nil {
		t.Error("seen without a server")
	}
	late, err := Open(p.URL, time.Now)
	if err != nil {
		t.Fatalf("a server that is down is no error of Open: %v", err)
	}
	defer late.Close()
	if err := late.Mark(t.Context(), statetest.Key("z"), time.Hour); err == nil {
		t.Error("marked without a server")
	}
	p.Start()
	for _, s := range []state.Store{s, late} {
		if seen, err := s.Seen(t.Context(), statetest.Key("x")); !seen || err != nil {
			t.Errorf("after the start: %v, %v", seen, err)
		}
	}
}

// A server that does not answer is given up when the caller's time is over.
func TestTimeout(t *testing.T) {
	s, err := Open("postgres://nobody:secret@192.0.2.1:5432/none", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Claim(ctx, statetest.Key("x"), time.Hour); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

// A server that takes connections and says nothing costs one question's time, not
// that of each.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // a connection that nobody accepts is open all the same
	s, err := Open("postgres://nobody@"+l.Addr().String()+"/none", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clock := statetest.NewClock()
	b := state.NewBreaker(s, func() time.Time { clock.Move(2 * time.Second); return clock.Now() }) // long for a question
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Seen(ctx, statetest.Key("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("first question: %v", err)
	}
	if _, err := b.Claim(t.Context(), statetest.Key("x"), time.Hour); !errors.Is(err, state.ErrSilent) {
		t.Errorf("second question: %v", err)
	}
}

func TestBadURL(t *testing.T) {
	if _, err := Open("postgres://user:secret@host:port/", time.Now); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}
