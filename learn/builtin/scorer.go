package builtin

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/learn"
)

const (
	// The fields that filters of mail look for. Flag is added beside Status alone.
	statusField = "X-Spam-Status"
	flagField   = "X-Spam-Flag"

	// scorings is how many messages are looked up at a time; the others wait, within
	// their time limits.
	scorings = 16
)

// Scorer writes verdicts into messages at their delivery:
//
//	X-Spam-Status: Yes, score=9.98 required=9.90
//	X-Spam-Flag: YES
//
// The score is ten times the Verdict's, cut to two digits, and "required" is from
// where on it is Yes. X-Spam-Flag is there for spam only, and only when the field is X-Spam-Status.
//
// Fields of these names that a message comes with are taken away, whether or not it
// can be judged: anybody may have written them, and who reads them is to believe us.
// Where another filter before us writes X-Spam-Status, our field needs another name.
//
// Nobody waits for the classifier longer than the timeout: then, and when it fails,
// a message has no field.
type Scorer struct {
	classifier *Classifier
	field      string
	timeout    time.Duration
	maxSize    int64
	slots      chan struct{}
}

// NewScorer makes a Scorer that writes field. Larger messages than maxSize bytes
// are not judged; 0 is no limit.
func NewScorer(c *Classifier, field string, timeout time.Duration, maxSize int64) *Scorer {
	return &Scorer{classifier: c, field: field, timeout: timeout, maxSize: maxSize, slots: make(chan struct{}, scorings)}
}

// Score gives the message with its verdict for the user, and the class that it was
// found to be. An error says why it has none; the message is good all the same. There
// is no error when the classifier has too few lessons, or the message is too large.
func (s *Scorer) Score(ctx context.Context, user string, m *message.Message) (scored *message.Message, class string, err error) {
	m = s.without(m)
	if s.maxSize > 0 && m.Size() > s.maxSize {
		return m, "", nil
	}
	v, err := s.verdict(ctx, user, m)
	if err != nil || v.Class == learn.None {
		return m, "", err
	}
	word := "No"
	if v.Class == learn.Spam {
		word = "Yes"
	}
	fields := []message.Field{message.RawField(s.field, fmt.Sprintf("%s, score=%.2f required=%.2f",
		word, math.Floor(v.Score*1000)/100, s.classifier.o.Spam*10))}
	if v.Class == learn.Spam && s.flags() {
		fields = append(fields, message.RawField(flagField, "YES"))
	}
	return m.Prepend(fields...), string(v.Class), nil
}

// flags tells whether X-Spam-Flag is ours, too.
func (s *Scorer) flags() bool { return strings.EqualFold(s.field, statusField) }

// without gives the message without fields of our names.
func (s *Scorer) without(m *message.Message) *message.Message {
	all := m.Fields()
	kept := make([]message.Field, 0, len(all))
	for _, f := range all {
		if !strings.EqualFold(f.Name, s.field) && !(s.flags() && strings.EqualFold(f.Name, flagField)) {
			kept = append(kept, f)
		}
	}
	if len(kept) == len(all) {
		return m
	}
	return m.WithFields(kept)
}

// verdict judges in time. The message is read here and now, which takes no longer
// than its size asks for; what waits is the file, and that needs the message no more.
func (s *Scorer) verdict(ctx context.Context, user string, m *message.Message) (Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	f, err := tokensOf(m)
	if err != nil {
		return Verdict{}, fmt.Errorf("builtin classifier: %w", err)
	}
	late := func() (Verdict, error) {
		return Verdict{}, fmt.Errorf("builtin classifier: no verdict within %v: %w", s.timeout, ctx.Err())
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return late()
	}
	type answer struct {
		Verdict
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil { // it must not end the server
				a.err = fmt.Errorf("builtin classifier: it failed: %v\n%s", p, debug.Stack())
			}
			<-s.slots
			answered <- a
		}()
		a.Verdict, a.err = s.classifier.judge(ctx, user, f)
	}()
	select {
	case a := <-answered:
		return a.Verdict, a.err
	case <-ctx.Done():
		return late()
	}
}
