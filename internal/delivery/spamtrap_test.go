package delivery

import (
	"context"
	"errors"
	"io"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

func TestSpamtrap(t *testing.T) {
	for name, tt := range map[string]struct {
		rcpts     []string
		agreeable bool
		full      error // of the queue
		lessons   int
		fails     []bool // by recipient
		stored    map[string]int
	}{
		"a trap alone":       {rcpts: []string{"nobody@example.org"}, lessons: 1, fails: []bool{false}},
		"in another case":    {rcpts: []string{"nobody@EXAMPLE.org"}, lessons: 1, fails: []bool{false}},
		"a user too":         {rcpts: []string{"trap@example.org"}, lessons: 1, fails: []bool{false}, stored: map[string]int{"trap": 1}},
		"any name is a user": {rcpts: []string{"trap@example.org"}, agreeable: true, lessons: 1, fails: []bool{false}, stored: map[string]int{}},
		"twice, with others": {rcpts: []string{"bob@example.org", "nobody@example.org", "trap@example.org", "nobody@example.org"}, lessons: 1,
			fails: []bool{false, false, false, false}, stored: map[string]int{"bob": 1, "trap": 1}},
		"others alone": {rcpts: []string{"bob@example.org"}, fails: []bool{false}, stored: map[string]int{"bob": 1}},
		"no queue": {rcpts: []string{"bob@example.org", "nobody@example.org", "trap@example.org"}, full: errors.New("disk full"),
			fails: []bool{false, true, true}, stored: map[string]int{"bob": 1, "trap": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "")
			var lessons []string
			s.Spamtrap = &Spamtrap{
				Addresses: []string{"nobody@example.org", "trap@example.org", "fault@example.org"}, Agreeable: tt.agreeable,
				Put: func(_ context.Context, m *message.Message) error {
					text, err := io.ReadAll(m.Open())
					lessons = append(lessons, string(text))
					return errors.Join(err, tt.full)
				},
			}
			const text = "Subject: buy\n\nnow\n"
			tx := &Transaction{ID: "1", From: "a@example.net", Message: message.Parse([]byte(text)), Trace: true}
			for _, address := range tt.rcpts {
				r, err := s.Accept(t.Context(), address, "", 0)
				if err != nil {
					t.Fatal(err)
				}
				tx.Recipients = append(tx.Recipients, r)
			}
			for i, err := range s.Deliver(t.Context(), tx) {
				if (err != nil) != tt.fails[i] || err != nil && mailerr.IsPermanent(err) {
					t.Errorf("%s: %v", tt.rcpts[i], err)
				}
			}
			if tt.full == nil && len(lessons) != tt.lessons || len(lessons) > 0 && lessons[0] != text {
				t.Errorf("lessons %q, want %d", lessons, tt.lessons)
			}
			for user, want := range tt.stored {
				n := 0
				if s.stores[user] != nil {
					n = len(s.stores[user].Messages(mailstore.Inbox))
				}
				if n != want {
					t.Errorf("%d messages for %s, want %d", n, user, want)
				}
			}
			if len(s.stores) > len(tt.stored) {
				t.Errorf("stores %v, want %v", s.stores, tt.stored)
			}
		})
	}
	// Whether there is such a user is not known now: no answer that ends it.
	s := newSite(t, "")
	s.Spamtrap = &Spamtrap{Addresses: []string{"fault@example.org"}}
	if _, err := s.Accept(t.Context(), "fault@example.org", "", 0); err == nil || mailerr.IsPermanent(err) {
		t.Errorf("with a user database that is down: %v", err)
	}
}
