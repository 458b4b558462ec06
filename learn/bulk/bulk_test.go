package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
	"dovetail/learn/bulk"
	"dovetail/learn/ledger"
	"dovetail/learn/source"
	"dovetail/learn/teach"
)

// list is a source of messages with these subjects; "!" is one that cannot be read,
// "end" an error of the source.
type list []string

func (l list) Total() int   { return len(l) }
func (l list) Close() error { return nil }

func (l list) Messages(context.Context) iter.Seq2[source.Message, error] {
	return func(yield func(source.Message, error) bool) {
		for i, s := range l {
			m := source.Message{Name: fmt.Sprint(i)}
			var err error
			switch s {
			case "!":
				err = errors.New("unreadable")
			case "end":
				m.Name, err = "", errors.New("the source broke")
			default:
				m.Message = message.Parse([]byte("Subject: " + s + "\n\ntext\n"))
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// pupil takes so many messages, refuses those with the subject "bad", then is down.
type pupil struct {
	name   string
	room   int
	taught []string
}

func (p *pupil) Name() string { return p.name }

func (p *pupil) Learn(_ context.Context, user string, items []learn.Item) []learn.Result {
	results := make([]learn.Result, len(items))
	for i, item := range items {
		subject, _ := item.Message.Get("Subject")
		switch {
		case subject == "bad":
			results[i] = learn.Result{Outcome: learn.Refused}
		case len(p.taught) >= p.room:
			results[i].Err = errors.New("no room")
		default:
			results[i].Outcome = learn.Learned
			if item.Prior != learn.None {
				results[i].Outcome = learn.Relearned
			}
			p.taught = append(p.taught, user+" "+string(item.Class)+" "+subject)
		}
	}
	return results
}

func options(pupils ...*pupil) bulk.Options {
	o := bulk.Options{Class: learn.Spam, User: "u", Now: time.Now, Done: func(int) {}, Problem: func(error) {}}
	memory := ledger.NewMem()
	for _, p := range pupils {
		o.Pupils = append(o.Pupils, &teach.Pupil{Backend: p, Ledger: memory})
	}
	return o
}

func many(n int) (l list) {
	for i := range n {
		l = append(l, fmt.Sprint("m", i))
	}
	return l
}

func TestRun(t *testing.T) {
	a, b := &pupil{name: "a", room: 9}, &pupil{name: "b", room: 9}
	o := options(a, b)
	done, problems := 0, 0
	o.Done = func(n int) { done += n }
	o.Problem = func(error) { problems++ }
	s, err := bulk.Run(context.Background(), []source.Source{list{"one", "two", "one"}, list{"!", "bad", "two"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Messages != 6 || s.Unreadable != 1 || s.Twice != 2 || done != 6 || problems != 1 {
		t.Errorf("%+v, %d done, %d problems", s, done, problems)
	}
	for i, p := range []*pupil{a, b} {
		if got := s.Backends[i].Outcomes; !maps.Equal(got, map[learn.Outcome]int{learn.Learned: 2, learn.Refused: 1}) || s.Backends[i].Failed != 0 {
			t.Errorf("%s: %v", p.name, s.Backends[i])
		}
		if len(p.taught) != 2 || p.taught[0] != "u spam one" {
			t.Errorf("%s was taught %q", p.name, p.taught)
		}
	}
}

// What a run could not finish the next one does, and the ledger tells what changes.
func TestResume(t *testing.T) {
	p := &pupil{name: "a", room: 300}
	o := options(p)
	s, err := bulk.Run(context.Background(), []source.Source{many(2000)}, o)
	if err == nil || s.Backends[0].Outcomes[learn.Learned] != 300 || s.Backends[0].Failed == 0 || s.Messages >= 2000 {
		t.Fatalf("%+v, %v", s.Backends[0], err)
	}
	p.room = 3000
	for class, want := range map[learn.Class]map[learn.Outcome]int{
		learn.Spam: {learn.Already: 300, learn.Learned: 1700},
		learn.Ham:  {learn.Relearned: 300, learn.Learned: 1700},
	} {
		o.DryRun, o.Class = true, class
		if s, err = bulk.Run(context.Background(), []source.Source{many(2000)}, o); err != nil || !maps.Equal(s.Backends[0].Outcomes, want) {
			t.Errorf("dry run, %s: %v, %v", class, s.Backends[0], err)
		}
	}
	o.DryRun, o.Class = false, learn.Spam
	s, err = bulk.Run(context.Background(), []source.Source{many(2000)}, o)
	if err != nil || s.Backends[0].Outcomes[learn.Already] != 300 || s.Backends[0].Outcomes[learn.Learned] != 1700 || len(p.taught) != 2000 {
		t.Errorf("%+v, %v, %d taught", s.Backends[0], err, len(p.taught))
	}
}

// A back end that is down does not keep the others from learning, nor does a source that
// breaks lose what was read before.
func TestFaults(t *testing.T) {
	up, down := &pupil{name: "up", room: 1000}, &pupil{name: "down"}
	s, err := bulk.Run(context.Background(), []source.Source{append(many(500), "end"), list{"more"}}, options(up, down))
	if err == nil || len(up.taught) != 501 || s.Backends[1].Failed != 501 || s.Backends[1].Error != "no room" {
		t.Errorf("%+v, %+v, %v", s.Backends[0], s.Backends[1], err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := options(up)
	o.Done = func(int) { cancel() }
	if s, err := bulk.Run(ctx, []source.Source{many(2000)}, o); !errors.Is(err, context.Canceled) || s.Messages >= 2000 {
		t.Errorf("after the end: %+v, %v", s, err)
	}
}
