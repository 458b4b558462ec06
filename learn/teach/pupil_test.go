package teach

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/ledger"
)

var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// item makes an item: "class subject".
func item(t *testing.T, text string, at time.Time) Item {
	t.Helper()
	class, subject, _ := strings.Cut(text, " ")
	m := message.Parse([]byte(mail(subject)))
	hash, err := learn.HashOf(m)
	if err != nil {
		t.Fatal(err)
	}
	return Item{Hash: hash, Class: learn.Class(class), At: at, Message: m}
}

// teach teaches items and gives their outcomes as text, "error" for an error.
func teach(t *testing.T, p *Pupil, at time.Time, texts ...string) string {
	t.Helper()
	var items []Item
	for _, text := range texts {
		items = append(items, item(t, text, at))
	}
	var words []string
	for _, r := range p.Teach(t.Context(), "u", items) {
		if r.Err != nil {
			words = append(words, "error")
		} else {
			words = append(words, string(r.Outcome))
		}
	}
	return strings.Join(words, " ")
}

func wants(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// brokenLedger fails at the n-th write, from 1.
type brokenLedger struct {
	learn.Ledger
	failAt, writes int
	taught         error
}

func (b *brokenLedger) Write(ctx context.Context, backend, user string, entries []learn.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if b.writes++; b.writes == b.failAt {
		return errDown
	}
	return b.Ledger.Write(ctx, backend, user, entries)
}

func (b *brokenLedger) Taught(ctx context.Context, backend, user string, hashes []learn.Hash) (map[learn.Hash]learn.Entry, error) {
	if b.taught != nil {
		return nil, b.taught
	}
	return b.Ledger.Taught(ctx, backend, user, hashes)
}

// Whatever the ledger does not take: the lesson is tried again, and so long as it
// has an intent the back end is asked.
func TestLedgerFails(t *testing.T) {
	for failAt, want := range []string{"error learned already", "error learned already", "learned already already"} {
		a := &fake{name: "a"}
		p := &Pupil{Backend: a, Ledger: &brokenLedger{Ledger: ledger.NewMem(), failAt: failAt + 1}}
		var got []string
		for range 3 {
			got = append(got, teach(t, p, start, "spam x"))
		}
		wants(t, strings.Join(got, " "), want)
	}
	a := &fake{name: "a"}
	wants(t, teach(t, &Pupil{Backend: a, Ledger: &brokenLedger{Ledger: ledger.NewMem(), taught: errDown}}, start, "spam x"), "error")
	a.wants(t)
}

// A back end is taught again after an intent that stayed open, also when the lesson goes back to what the ledger has.
func TestOpenIntent(t *testing.T) {
	a := &fake{name: "a"}
	l := &brokenLedger{Ledger: ledger.NewMem()}
	p := &Pupil{Backend: a, Ledger: l}
	wants(t, teach(t, p, start, "spam x"), "learned")
	l.failAt = l.writes + 2
	wants(t, teach(t, p, start.Add(1*time.Second), "ham x"), "error")
	wants(t, teach(t, p, start.Add(2*time.Second), "spam x"), "learned")
	a.wants(t, "u spam  x", "u ham spam x", "u spam ham? x")
	wants(t, teach(t, p, start.Add(2*time.Second), "spam x"), "already")
	wants(t, teach(t, p, start.Add(1*time.Second), "ham x"), "superseded")
	a.wants(t)
}

func TestRefused(t *testing.T) {
	a := &fake{name: "a"}
	a.learn = func(_ context.Context, _ string, item learn.Item) learn.Result {
		if item.Class == learn.Ham {
			return learn.Result{Outcome: learn.Refused, Reason: "too short"}
		}
		return learn.Result{Outcome: learn.Relearned}
	}
	p := &Pupil{Backend: a, Ledger: ledger.NewMem()}
	wants(t, teach(t, p, start, "ham x", "spam y"), "refused relearned")
	wants(t, teach(t, p, start, "ham x", "ham y"), "refused refused") // not known, so asked again
	wants(t, teach(t, p, start, "spam y"), "already")                 // still the class of before
	a.wants(t, "u ham  x", "u spam  y", "u ham  x", "u ham spam y")
}

// What is taught again and again is not forgotten.
func TestRefresh(t *testing.T) {
	a := &fake{name: "a"}
	l := ledger.NewMem()
	p := &Pupil{Backend: a, Ledger: l}
	for day := range 100 {
		teach(t, p, start.Add(time.Duration(day)*24*time.Hour), "spam x")
	}
	if n, err := l.Forget(t.Context(), start.Add(60*24*time.Hour)); n != 0 || err != nil {
		t.Errorf("%d entries forgotten, %v", n, err)
	}
	a.wants(t, "u spam  x")
}

// liar gives fewer results than items.
type liar struct{ fake }

func (l *liar) Learn(context.Context, string, []learn.Item) []learn.Result { return nil }

func TestLiar(t *testing.T) {
	wants(t, teach(t, &Pupil{Backend: &liar{fake{name: "l"}}, Ledger: ledger.NewMem()}, start, "spam x"), "error")
}

func TestLocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	l, err := NewLocks(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewLocks(dir)
	if err != nil {
		t.Fatal(err)
	}
	release, err := l.Lock(t.Context(), "a", "u")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a := &fake{name: "a"}
	p := &Pupil{Backend: a, Ledger: ledger.NewMem(), Lock: other.Lock}
	if r := p.Teach(ctx, "u", []Item{item(t, "spam x", start)}); !errors.Is(r[0].Err, context.DeadlineExceeded) || r[0].Asked {
		t.Errorf("while it was locked: %+v", r)
	}
	free, err := other.Lock(t.Context(), "b", "u")
	if err != nil {
		t.Fatal(err)
	}
	free()
	release()
	wants(t, teach(t, p, start, "spam x"), "learned")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLocks(dir); err == nil {
		t.Error("a directory that others may write to")
	}
	if _, err := NewLocks(filepath.Join(dir, "a", "b")); err == nil {
		t.Error("a directory that cannot be made")
	}
}

// hungLedger is one whose database does not answer any more at the n-th write, from 1; 0:
// at the first question.
type hungLedger struct {
	learn.Ledger
	at, writes int
}

func (l *hungLedger) Taught(ctx context.Context, backend, user string, hashes []learn.Hash) (map[learn.Hash]learn.Entry, error) {
	if l.at == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return l.Ledger.Taught(ctx, backend, user, hashes)
}

func (l *hungLedger) Write(ctx context.Context, backend, user string, entries []learn.Entry) error {
	if l.writes++; l.writes == l.at {
		<-ctx.Done()
		return ctx.Err()
	}
	return l.Ledger.Write(ctx, backend, user, entries)
}

// A ledger that hangs keeps no worker for ever, nor the end of the program.
func TestHungLedger(t *testing.T) {
	for at := range 4 {
		run(t, func(t *testing.T) {
			b := &fake{name: "a"}
			p := &Pupil{Backend: b, Ledger: &hungLedger{Ledger: ledger.NewMem(), at: at}}
			wants(t, teach(t, p, start, "spam x"), "error")
			if learned := len(b.got) > 0; learned != (at == 3) { // the third write is that of the result
				t.Errorf("%d: the back end was taught: %v", at, learned)
			}
		})
	}
}

// A slow back end gets no more messages in a call than it can take, and what all of a call
// fail with ends the rest.
func TestMost(t *testing.T) {
	run(t, func(t *testing.T) {
		var texts []string
		for i := range 30 {
			texts = append(texts, fmt.Sprint("spam x", i))
		}
		b := &fake{name: "a"}
		b.learn = func(ctx context.Context, subject string, _ learn.Item) learn.Result {
			select {
			case <-ctx.Done():
				return learn.Result{Err: ctx.Err()}
			case <-time.After(10 * time.Second):
			}
			if subject == "x3" {
				return learn.Result{Err: errDown}
			}
			return learn.Result{Outcome: learn.Learned}
		}
		p := &Pupil{Backend: b, Ledger: ledger.NewMem(), Timeout: time.Minute, Most: 4}
		got := teach(t, p, start, texts...)
		if strings.Count(got, "learned") != 29 || len(b.calls) != 8 {
			t.Errorf("%s in calls of %d", got, b.calls)
		}
		b.calls, b.learn = nil, func(context.Context, string, learn.Item) learn.Result { return learn.Result{Err: errDown} }
		for i := range texts {
			texts[i] = fmt.Sprint("spam y", i)
		}
		if got := teach(t, p, start, texts...); strings.Count(got, "error") != 30 || len(b.calls) != 1 {
			t.Errorf("%s in calls of %d", got, b.calls)
		}
	})
}

// A Teacher keeps to it, too, and another user's lessons come in between.
func TestMostOfTeacher(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &fake{name: "a"}
		s := newSchool(t, nil, a)
		s.Pupils[0].Most = 2
		s.put("u spam x", "u spam y", "u spam z", "v spam x")
		s.drain(0)
		a.wants(t, "u spam  x", "u spam  y", "v spam  x", "u spam  z")
	})
}

// Somebody who teaches for the same user and never ends is not waited for without end.
func TestHeldLock(t *testing.T) {
	run(t, func(t *testing.T) {
		p := &Pupil{Backend: &fake{name: "a"}, Ledger: ledger.NewMem(), Lock: func(ctx context.Context, _, _ string) (func(), error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		wants(t, teach(t, p, start, "spam x"), "error")
	})
}
