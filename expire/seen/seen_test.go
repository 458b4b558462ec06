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
		_, err1 := s.Of(t.Context(), "down", "box", []string{"a"})
		_, err2 := s.Known(t.Context(), "down", "box", []string{"a"})
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

func of(t *testing.T, s *seen.Stamps, user, mailbox string, names ...string) []time.Time {
	t.Helper()
	times, err := s.Of(t.Context(), user, mailbox, names)
	if err != nil {
		t.Fatal(err)
	}
	return times
}

// known wants these times.
func known(t *testing.T, s *seen.Stamps, user, mailbox string, names []string, want ...time.Time) {
	t.Helper()
	got, err := s.Known(t.Context(), user, mailbox, names)
	if err != nil || !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("%s, %s: %v, %v, want %v", user, mailbox, got, err, want)
	}
}

func testFirst(t *testing.T, open open) {
	first, later := open(t, start), open(t, start.Add(time.Hour))
	var never time.Time
	ab := []string{"a", "b"}
	known(t, first, "first", "box", ab, never, never)
	known(t, first, "first", "box", ab, never, never)               // and Known stamps nothing
	if got := of(t, first, "first", "box", "a"); !got[0].IsZero() { // stamped, this once
		t.Errorf("stamped %v", got)
	}
	if got := of(t, later, "first", "box", "b", "a"); !got[0].IsZero() || !got[1].Equal(start) {
		t.Errorf("stamped %v", got)
	}
	known(t, first, "first", "box", ab, start, start.Add(time.Hour))
	// What is gone is forgotten, and new when it comes again.
	of(t, later, "first", "box", "b")
	known(t, first, "first", "box", ab, never, start.Add(time.Hour))
	of(t, later, "first", "box")
	known(t, first, "first", "box", ab, never, never)
}

func testMailboxes(t *testing.T, open open) {
	s := open(t, start)
	for _, user := range []string{"boxes", "other"} {
		for _, mailbox := range []string{"one", "two", "three", ""} {
			of(t, s, user, mailbox, "a")
		}
	}
	of(t, s, "boxes", "one")
	a := []string{"a"}
	known(t, s, "boxes", "one", a, time.Time{})
	known(t, s, "boxes", "two", a, start)
	if err := s.Keep(t.Context(), "boxes", []string{"two"}); err != nil {
		t.Fatal(err)
	}
	known(t, s, "boxes", "two", a, start)
	for _, mailbox := range []string{"three", ""} {
		known(t, s, "boxes", mailbox, a, time.Time{})
		known(t, s, "other", mailbox, a, start)
	}
}

// More messages than a statement and a transaction take, half of them gone later.
func testMany(t *testing.T, open open) {
	const n = 25_000
	s, later := open(t, start), open(t, start.Add(time.Minute))
	var names, half []string
	for i := range n {
		names = append(names, fmt.Sprintf("1763712000.M%dP4711.mail.example.org,S=2048,W=2100", i))
	}
	of(t, s, "many", "box", names...)
	for i := 0; i < n; i += 2 {
		half = append(half, names[i])
	}
	for i, at := range of(t, later, "many", "box", half...) {
		if !at.Equal(start) {
			t.Fatalf("message %d: %v", i, at)
		}
	}
	got, err := later.Known(t.Context(), "many", "box", names)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range got {
		if at.IsZero() != (i%2 == 1) {
			t.Fatalf("message %d: %v", i, at)
		}
	}
}

// testTogether has several stamp the same messages at once: nobody fails, and all
// agree afterwards.
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
	got, err := open(t, start).Known(t.Context(), "together", "box", names)
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
	of(t, s, "cancelled", "box", "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Of(ctx, "cancelled", "box", []string{"b"}); err == nil {
		t.Error("no error")
	}
	known(t, s, "cancelled", "box", []string{"a", "b"}, start, time.Time{})
}
