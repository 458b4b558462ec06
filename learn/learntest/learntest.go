// Package learntest is the suite that every back end passes beside its real classifier.
//
//	learntest.Run(t, learntest.Subject{…})
//	learntest.Hostile(t, func(network, address string) learn.Backend { … }) // one that talks to a server
package learntest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/peer/corpus"
	"dovetail/learn"
)

// Users is how many users the suite has, user1 and so on. They exist where users must,
// and the classifier knows nothing of them yet.
const Users = 2 * 7

// Subject is a back end beside its classifier.
type Subject struct {
	Backend learn.Backend
	// Counts tells how many messages the classifier has learned for a user.
	Counts func(user string) (spam, ham int)
	// Verdict gives what it takes a message for: "spam", "ham", or "" when it does not
	// know. Nil where it has no verdicts.
	Verdict func(user string, message []byte) string
	// Stop and Start take the classifier away and bring it back. Nil where there is
	// nothing that could be down.
	Stop, Start func()

	Doubles bool // it knows itself what it has learned, and says Already
}

// suite is the subject of one test, with its users.
type suite struct {
	Subject
	user, other string
}

// Run puts a back end through the suite.
func Run(t *testing.T, s Subject) {
	for i, test := range []struct {
		name string
		run  func(*testing.T, suite)
	}{
		{"learns", learns}, {"again", again}, {"relearns", relearns}, {"odd messages", odd},
		{"down", down}, {"deadline", deadline},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, suite{s, fmt.Sprintf("user%d", 2*i+1), fmt.Sprintf("user%d", 2*i+2)})
		})
	}
}

// Item makes an item of a message.
func Item(t *testing.T, raw []byte, class, prior learn.Class) learn.Item {
	t.Helper()
	m := message.Parse(raw)
	hash, err := learn.HashOf(m)
	if err != nil {
		t.Fatal(err)
	}
	return learn.Item{Hash: hash, Message: m, Class: class, Prior: prior}
}

// Lessons gives n items of spam and n of ham, in turns.
func Lessons(t *testing.T, n int) []learn.Item {
	t.Helper()
	c := corpus.New(1)
	var items []learn.Item
	for i := range n {
		items = append(items, Item(t, c.Spam(i), learn.Spam, learn.None), Item(t, c.Ham(i), learn.Ham, learn.None))
	}
	return items
}

// teach wants one outcome for all items.
func (s suite) teach(t *testing.T, user string, items []learn.Item, want learn.Outcome) {
	t.Helper()
	results := s.learn(t, t.Context(), user, items)
	for i, r := range results {
		if r.Outcome != want || r.Err != nil {
			t.Errorf("item %d of %d: %+v, want %s", i, len(items), r, want)
		}
	}
}

// learn wants a result for each item.
func (s suite) learn(t *testing.T, ctx context.Context, user string, items []learn.Item) []learn.Result {
	t.Helper()
	results := s.Backend.Learn(ctx, user, items)
	if len(results) != len(items) {
		t.Fatalf("%d results for %d items", len(results), len(items))
	}
	for i, r := range results {
		if (r.Err == nil) == (r.Outcome == "") {
			t.Fatalf("result %d: %+v: either an outcome or an error", i, r)
		}
	}
	return results
}

func (s suite) wantCounts(t *testing.T, user string, spam, ham int) {
	t.Helper()
	if gotSpam, gotHam := s.Counts(user); gotSpam != spam || gotHam != ham {
		t.Errorf("%s: learned %d spam and %d ham, want %d and %d", user, gotSpam, gotHam, spam, ham)
	}
}

// learns: each lesson is learned, for its user and nobody else.
func learns(t *testing.T, s suite) {
	s.teach(t, s.user, Lessons(t, 10), learn.Learned)
	s.wantCounts(t, s.user, 10, 10)
	s.wantCounts(t, s.other, 0, 0)
	s.teach(t, s.other, Lessons(t, 1), learn.Learned) // what another user has taught already
	s.wantCounts(t, s.user, 10, 10)
	s.wantCounts(t, s.other, 1, 1)
	if results := s.learn(t, t.Context(), s.user, nil); len(results) != 0 {
		t.Errorf("results for no items: %+v", results)
	}
	if s.Verdict == nil {
		return
	}
	c := corpus.New(2)
	for want, raw := range map[string][]byte{"spam": c.Spam(0), "ham": c.Ham(0)} {
		if got := s.Verdict(s.user, raw); got != want {
			t.Errorf("%s is %q", want, got)
		}
	}
}

// again: one that knows what it has learned does not learn it twice; of the others
// it is the ledger that keeps this from them.
func again(t *testing.T, s suite) {
	items := Lessons(t, 2)
	s.teach(t, s.user, items, learn.Learned)
	if s.Doubles {
		s.teach(t, s.user, items, learn.Already)
		s.wantCounts(t, s.user, 2, 2)
	}
	for i := range items {
		items[i].Prior = items[i].Class // no need to send them at all
	}
	s.teach(t, s.user, items, learn.Already)
	s.wantCounts(t, s.user, 2, 2)
}

// relearns: the other class takes the place of the first one.
func relearns(t *testing.T, s suite) {
	items := Lessons(t, 3)
	s.teach(t, s.user, items, learn.Learned)
	c := corpus.New(1)
	spam, ham := Item(t, c.Spam(1), learn.Ham, learn.Spam), Item(t, c.Ham(1), learn.Spam, learn.Ham)
	s.teach(t, s.user, []learn.Item{spam}, learn.Relearned)
	s.wantCounts(t, s.user, 2, 4)
	s.teach(t, s.user, []learn.Item{ham}, learn.Relearned)
	s.wantCounts(t, s.user, 3, 3)
	spam.Class, spam.Prior = learn.Spam, learn.Ham
	s.teach(t, s.user, []learn.Item{spam}, learn.Relearned)
	s.wantCounts(t, s.user, 4, 2)
}

// odd: each message, whatever it is, gets an outcome in its place.
func odd(t *testing.T, s suite) {
	c := corpus.New(3)
	binary := make([]byte, 200_000)
	rand.Read(binary)
	from := append([]byte("From a@example.net Sat Nov 21 08:00:00 2026\n"), c.Spam(2)...)
	from = append(from, "\nFrom b@example.net Sat Nov 21 08:00:00 2026\nSubject: not a message of its own\n\ntext\n"...)
	items := []learn.Item{
		Item(t, nil, learn.Spam, learn.None),
		Item(t, c.Spam(1), learn.Spam, learn.None),
		Item(t, []byte("\n"), learn.Spam, learn.None),
		Item(t, []byte("Subject: hi\n\nok\n"), learn.Ham, learn.None),
		Item(t, binary, learn.Ham, learn.None),
		Item(t, from, learn.Spam, learn.None),
		Item(t, append([]byte("Subject: long\n\n"), bytes.Repeat([]byte("all work and no play\n"), 100_000)...), learn.Ham, learn.None),
		Item(t, append([]byte("Subject: one line\n\n"), bytes.Repeat([]byte("a"), 1_000_000)...), learn.Ham, learn.None),
		Item(t, c.Spam(3), learn.Spam, learn.None),
	}
	results := s.learn(t, t.Context(), s.user, items)
	for i, r := range results {
		switch {
		case r.Err != nil:
			t.Errorf("message %d: %v", i, r.Err)
		case r.Outcome == learn.Refused && r.Reason == "":
			t.Errorf("message %d is refused without a reason", i)
		}
	}
	for _, i := range []int{1, 5, 8} {
		if results[i].Outcome != learn.Learned {
			t.Errorf("message %d, a common one: %+v", i, results[i])
		}
	}
	if results[0].Outcome != learn.Refused {
		t.Errorf("the empty message: %+v", results[0])
	}
	want := [2]int{}
	for i, r := range results {
		switch {
		case r.Outcome == learn.Learned && items[i].Class == learn.Spam:
			want[0]++
		case r.Outcome == learn.Learned:
			want[1]++
		}
	}
	s.wantCounts(t, s.user, want[0], want[1])
}

// down: nothing has an outcome while the classifier is down.
func down(t *testing.T, s suite) {
	if s.Stop == nil {
		return
	}
	items := Lessons(t, 2)
	s.Stop()
	for i, r := range s.learn(t, t.Context(), s.user, items) {
		if r.Err == nil {
			t.Errorf("item %d: %+v", i, r)
		}
	}
	s.Start()
	s.wantCounts(t, s.user, 0, 0)
	s.teach(t, s.user, items, learn.Learned)
	s.wantCounts(t, s.user, 2, 2)
}

// deadline: nothing is done when the time is over before it began.
func deadline(t *testing.T, s suite) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for i, r := range s.learn(t, ctx, s.user, Lessons(t, 2)) {
		if !errors.Is(r.Err, context.DeadlineExceeded) {
			t.Errorf("item %d: %+v", i, r)
		}
	}
	s.wantCounts(t, s.user, 0, 0)
}
