package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/userdb"
	"dovetail/learn"
	"dovetail/learn/ledger"
	"dovetail/learn/queue"
	"dovetail/learn/teach"
	"dovetail/learn/watch"
	"dovetail/maildir"
)

// people are users whose list may break.
type people struct {
	names []string
	err   error
}

func (p *people) Lookup(_ context.Context, name string) (*userdb.User, error) {
	return &userdb.User{Name: name, UID: 1000, GID: 1000}, nil
}

func (p *people) List(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range p.names {
			if !yield(name, nil) {
				return
			}
		}
		if p.err != nil {
			yield("", p.err)
		}
	}
}

// A user whose mail hangs is waited for once and not for ever, keeps no other from
// being looked at, and is looked at again when it hangs no more.
func TestHangingMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which bert takes no time, however slow this is
		release := make(chan bool)
		var annas atomic.Int32
		var seen []string
		log := &bytes.Buffer{}
		users := &people{names: []string{"anna", "bert"}}
		r := &rounds{
			watcher: &watch.Watcher{}, users: users, resolver: &userdb.Resolver{Users: users},
			stores: func(u *userdb.User, _ string) (*maildir.Store, error) {
				if u.Name == "anna" {
					annas.Add(1)
					<-release
					return nil, errors.New("anna hangs no more")
				}
				seen = append(seen, u.Name)
				return nil, errors.New("bert is well")
			},
			patience: time.Minute, log: slog.New(slog.NewTextHandler(log, nil)),
			under: map[string]chan looked{}, told: map[string]string{},
		}
		r.round(t.Context())
		r.round(t.Context())
		if got := log.String(); !slices.Equal(seen, []string{"bert", "bert"}) || strings.Count(got, "has not ended yet") != 1 || annas.Load() != 1 {
			t.Errorf("looked at %q, and %d times at the mail that hangs\n%s", seen, annas.Load(), got)
		}
		ended, cancel := context.WithCancel(t.Context())
		r.patience = time.Hour
		delete(r.under, "anna")
		time.AfterFunc(10*time.Millisecond, cancel)
		r.round(ended) // which is not waited for when the program ends
		close(release)
		r.round(t.Context())
		if got := log.String(); !strings.Contains(got, "anna hangs no more") {
			t.Error(got)
		}
	})
}

// Each time that the list of users breaks is told.
func TestBrokenList(t *testing.T) {
	log := &bytes.Buffer{}
	users := &people{}
	r := &rounds{users: users, log: slog.New(slog.NewTextHandler(log, nil)), under: map[string]chan looked{}, told: map[string]string{}}
	for _, err := range []error{errors.New("down"), errors.New("down"), nil, errors.New("down")} {
		users.err = err
		r.round(t.Context())
	}
	if n := strings.Count(log.String(), "error=down"); n != 2 {
		t.Errorf("told %d times\n%s", n, log)
	}
}

// down is a back end that takes nothing.
type down struct{}

func (down) Name() string { return "down" }

func (down) Learn(_ context.Context, _ string, items []learn.Item) []learn.Result {
	return slices.Repeat([]learn.Result{{Err: errors.New("down")}}, len(items))
}

// What learnd puts into the queue on behalf of a uid is that uid's word, and bounded.
func TestPut(t *testing.T) {
	dir := t.TempDir() + "/queue"
	if err := queue.Make(dir, queue.ModeOwn); err != nil {
		t.Fatal(err)
	}
	q, err := queue.Open(dir, fsx.OS{})
	if err != nil {
		t.Fatal(err)
	}
	own := uint32(os.Geteuid()) // whose word the queue takes on behalf of others
	giver := own + 1000
	co := &course{queue: q, teacher: teach.New(teach.Options{
		Queue: q, Waiting: 1, Now: time.Now, Log: nothing{}, UID: own,
		Pupils: []*teach.Pupil{{Backend: down{}, Ledger: ledger.NewMem()}},
		User:   func(_ context.Context, name string) (string, uint32, error) { return name, giver, nil },
	})}
	put := func(uid uint32) error {
		return co.put(t.Context(), uid, learn.Lesson{User: "bob", Class: learn.Spam, At: time.Now()}, strings.NewReader("Subject: x\n\ntext\n"))
	}
	if err := put(giver); err != nil {
		t.Fatal(err)
	}
	if n := co.teacher.Drain(t.Context()); n != 1 {
		t.Errorf("%d left", n)
	}
	if err := put(giver); err == nil || !strings.Contains(err.Error(), fmt.Sprint("uid ", giver)) {
		t.Errorf("one too many: %v", err)
	}
	if err := put(giver + 1); err != nil {
		t.Error(err)
	}
	entries, err := q.List()
	if err != nil || len(entries) != 2 || *entries[0].Lesson.By != giver || *entries[1].Lesson.By != giver+1 {
		t.Errorf("%+v, %v", entries, err)
	}
}

// nothing is a log that is not kept.
type nothing struct{}

func (nothing) Event(teach.Event)        {}
func (nothing) Down(string, error)       {}
func (nothing) Up(string, time.Duration) {}
func (nothing) Problem(error)            {}
