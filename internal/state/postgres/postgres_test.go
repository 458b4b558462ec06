package postgres

import (
	"context"
	"os/exec"
	"strings"
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
}

// forget drops the table, so that the next store makes it.
func forget(t *testing.T, p *peer.Postgres) {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(psql, p.URL, "-qc", "DROP TABLE IF EXISTS seen").CombinedOutput(); err != nil {
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

func TestBadURL(t *testing.T) {
	if _, err := Open("postgres://user:secret@host:port/", time.Now); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}
