package seen_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"dovetail/expire/seen"
	"dovetail/internal/peer"
	"dovetail/internal/state/database"
	"dovetail/internal/state/postgres"
	"dovetail/internal/state/sqlite"
)

var start = time.Date(2026, 11, 21, 10, 0, 0, 5e6, time.UTC).Local()

// open opens the database of a test, at a time: two users of it see the same.
type open func(t *testing.T, now time.Time) *seen.Stamps

func TestSQLite(t *testing.T) {
	suite(t, func(t *testing.T) open { return in(sqlite.Database, filepath.Join(t.TempDir(), "state.db")) })
}

func TestPostgres(t *testing.T) {
	p := peer.StartPostgres(t)
	suite(t, func(t *testing.T) open { return in(postgres.Database, p.URL) })
	t.Run("down", func(t *testing.T) {
		s := in(postgres.Database, p.URL)(t, start)
		p.Kill()
		_, err1 := s.Of(t.Context(), "down", "box", a)
		_, err2 := s.Known(t.Context(), "down", "box", a)
		err3 := s.Keep(t.Context(), "down", nil)
		for i, err := range []error{err1, err2, err3} {
			if err == nil {
				t.Errorf("call %d: no error without a database", i+1)
			}
		}
	})
}

func in(opener func(string) (*database.DB, error), where string) open {
	return func(t *testing.T, now time.Time) *seen.Stamps {
		t.Helper()
		db, err := opener(where)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return seen.New(db, func() time.Time { return now })
	}
}

// suite has a user for each test, so that one database does for all.
func suite(t *testing.T, data func(t *testing.T) open) {
	for name, run := range map[string]func(t *testing.T, open open){
		"first": testFirst, "mailboxes": testMailboxes, "many": testMany, "together": testTogether, "cancelled": testCancelled,
	} {
		t.Run(name, func(t *testing.T) { run(t, data(t)) })
	}
}

// of wants these times.
func of(t *testing.T, s *seen.Stamps, user, mailbox string, names []string, want ...time.Time) {
	t.Helper()
	got, err := s.Of(t.Context(), user, mailbox, names)
	if err != nil || !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("%s, %s: %v, %v, want %v", user, mailbox, got, err, want)
	}
}

var (
	never time.Time
	a     = []string{"a"}
	ab    = []string{"a", "b"}
)

func testFirst(t *testing.T, open open) {
	first, later := open(t, start), open(t, start.Add(time.Hour))
	for range 2 { // which stamps nothing
		if got, err := first.Known(t.Context(), "first", "box", ab); err != nil || !got[0].IsZero() || !got[1].IsZero() {
			t.Errorf("%v, %v", got, err)
		}
	}
	of(t, first, "first", "box", a, never)
	of(t, later, "first", "box", []string{"b", "a"}, never, start)
	of(t, first, "first", "box", ab, start, start.Add(time.Hour))
	if got, err := first.Known(t.Context(), "first", "box", a); err != nil || len(got) != 1 || !got[0].Equal(start) {
		t.Errorf("%v, %v", got, err)
	}
	// What is gone is forgotten, and new when it comes again.
	of(t, first, "first", "box", []string{"b"}, start.Add(time.Hour))
	of(t, first, "first", "box", ab, never, start.Add(time.Hour))
	of(t, first, "first", "box", nil)
	of(t, later, "first", "box", ab, never, never)
	of(t, first, "first", "box", ab, start.Add(time.Hour), start.Add(time.Hour))
}

func testMailboxes(t *testing.T, open open) {
	s := open(t, start)
	for _, user := range []string{"boxes", "other"} {
		for _, mailbox := range []string{"one", "two", ""} {
			of(t, s, user, mailbox, a, never)
		}
	}
	if err := s.Keep(t.Context(), "boxes", []string{"two"}); err != nil {
		t.Fatal(err)
	}
	of(t, s, "boxes", "two", a, start)
	for _, mailbox := range []string{"one", ""} {
		of(t, s, "boxes", mailbox, a, never)
		of(t, s, "other", mailbox, a, start)
	}
}

// More messages than a statement and a transaction take, half of them gone later.
func testMany(t *testing.T, open open) {
	const n = 25_000
	s := open(t, start)
	var names, half []string
	for i := range n {
		names = append(names, fmt.Sprintf("1763712000.M%dP4711.mail.example.org,S=2048,W=2100", i))
		if i%2 == 0 {
			half = append(half, names[i])
		}
	}
	isNever := func(at time.Time) bool { return at.IsZero() }
	isStart := func(at time.Time) bool { return at.Equal(start) }
	for round, names := range [][]string{names, half, names} {
		got, err := s.Of(t.Context(), "many", "box", names)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range got {
			is := isStart
			if round == 0 || round == 2 && i%2 == 1 {
				is = isNever
			}
			if !is(at) {
				t.Fatalf("round %d, message %d: %v", round, i, at)
			}
		}
	}
}

// testTogether has several stamp the same messages at once: nobody fails, and the
// stamps are theirs.
func testTogether(t *testing.T, open open) {
	var names []string
	for i := range 1500 {
		names = append(names, fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for n := range 4 {
		s := open(t, start.Add(time.Duration(n)*time.Second))
		wg.Go(func() {
			mine := slices.Clone(names)
			if n%2 == 1 {
				slices.Reverse(mine)
			}
			for range 5 {
				if _, err := s.Of(context.Background(), "together", "box", mine); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := open(t, start).Of(t.Context(), "together", "box", names)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range got {
		if at.Before(start) {
			t.Fatalf("message %d: %v", i, at)
		}
	}
}

// What was not written is no stamp: the message would be old without having been seen.
func testCancelled(t *testing.T, open open) {
	s := open(t, start)
	of(t, s, "cancelled", "box", a, never)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Of(ctx, "cancelled", "box", []string{"b"}); err == nil {
		t.Error("no error")
	}
	of(t, s, "cancelled", "box", ab, start, never)
}
