package expire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dovetail/expire/query"
	"dovetail/maildir"
)

// Survey asks several queries about a mailbox in one pass: what is read of a message is
// read once for all of them.
type Survey struct {
	Store     *maildir.Store
	Questions []Question
	// FirstSeen are the times of the messages by the clock query.FirstSeen, in their
	// order; nil where no question needs them.
	FirstSeen []time.Time
	Stat      bool // each answer has its Status
	// Failed is told of a message that could not be looked at, of which there is no answer.
	Failed func(mailbox string, err error)
}

// Question is one of the queries.
type Question struct {
	Query *query.Query
	Clock query.Clock // of Answer.At
}

// Answer is a message, and what it matches.
type Answer struct {
	Match
	Size int64 // bytes as stored
	// By is the first of the questions that it matches, -1 for none. One with the
	// clock query.FirstSeen is not asked about messages whose time is zero.
	By int
	At time.Time // by the clock of that question
}

// Run gives an answer for each message of a scan, in their order. An error of answer
// ends it.
func (v *Survey) Run(ctx context.Context, scan *maildir.Scan, answer func(Answer) error) error {
	a := &asker{survey: v, matchers: make([]*matcher, len(v.Questions))}
	for i, q := range v.Questions {
		a.matchers[i] = newMatcher(q.Query, scan, v.Store.Separator())
	}
	buffers := &scratch{viewer: scan.Viewer()}
	defer buffers.viewer.Close() // nothing was written
	i := 0
	for f := range scan.Messages() {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &subject{Found: f, ctx: ctx, store: v.Store, last: uint32(scan.Len()), scratch: buffers}
		if v.FirstSeen != nil {
			s.seen = v.FirstSeen[i]
		}
		i++
		result, err := a.ask(s)
		err = errors.Join(err, s.close())
		if gone(err) {
			continue
		}
		if err != nil {
			v.Failed(scan.Mailbox, err)
			continue
		}
		result.Match = Match{Found: f, Status: s.status, bytes: result.Size}
		if err := answer(result); err != nil {
			return err
		}
	}
	return nil
}

// asker asks the questions of a survey.
type asker struct {
	survey   *Survey
	matchers []*matcher // nil: is over
}

// ask asks about a message as it is under one name.
func (a *asker) ask(s *subject) (Answer, error) {
	for range maxRenames {
		before := s.Renamed()
		result, err := a.once(s)
		if err != nil || s.Renamed() == before {
			return result, err
		}
	}
	return Answer{}, renamed(s.Path())
}

func (a *asker) once(s *subject) (result Answer, err error) {
	result.By, err = a.first(s)
	if err == nil && result.By >= 0 {
		result.At, err = s.at(a.survey.Questions[result.By].Clock)
	}
	if err == nil && a.survey.Stat {
		_, err = s.stat()
	}
	if size, ok := s.Size(); ok {
		result.Size = size
		return result, err
	}
	if err == nil {
		var st maildir.Status
		st, err = s.stat()
		result.Size = st.Size
	}
	return result, err
}

// first gives the first question that a message matches.
func (a *asker) first(s *subject) (int, error) {
	for i, m := range a.matchers {
		if m == nil || s.seen.IsZero() && a.survey.Questions[i].Clock == query.FirstSeen {
			continue
		}
		ok, err := m.ask(s)
		if ok || err != nil {
			return i, err
		}
		if m.query.OldestOnly {
			a.matchers[i] = nil
		}
	}
	return -1, nil
}

func renamed(path string) error { return fmt.Errorf("%s is renamed all the time", path) }
