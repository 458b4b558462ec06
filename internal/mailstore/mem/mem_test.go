package mem_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/mem"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
)

func TestStore(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) storetest.Harness {
		s := mem.New()
		t.Cleanup(func() {
			if n := s.PendingCount(); n != 0 {
				t.Errorf("%d deliveries without an end", n)
			}
		})
		return storetest.Harness{
			Store: s,
			Read: func(e mailstore.Entry) (string, error) {
				for _, m := range s.Messages(e.Mailbox) {
					if m.UID == e.UID {
						b, err := io.ReadAll(m.Open())
						return string(b), err
					}
				}
				return "", errors.New("no such message")
			},
			Subscribed: func() ([]string, error) { return s.Subscribed(), nil },
			Limit: func(limit int64) mailstore.Store {
				s.Quota = func(_ string, size int64) error {
					for _, m := range s.Messages("INBOX") {
						size += m.Size()
					}
					if size > limit {
						return mailerr.QuotaFull("a@example.org", false)
					}
					return nil
				}
				return s
			},
		}
	})
}

func TestFailures(t *testing.T) {
	boom := errors.New("boom")
	m := message.Parse([]byte("A: b\n\nc\r\nd\n"))
	s := mem.New("Spam")
	s.FailPrepare = func(d mailstore.Delivery) error {
		if d.Mailbox == "Spam" {
			return boom
		}
		return nil
	}
	s.FailPublish = func(d mailstore.Delivery) error {
		if slices.Contains(d.Flags, "bad") {
			return boom
		}
		return nil
	}
	if _, err := s.Prepare(context.Background(), m, mailstore.Delivery{Mailbox: "Spam"}); !errors.Is(err, boom) {
		t.Errorf("Prepare: %v", err)
	}
	p, err := s.Prepare(context.Background(), m, mailstore.Delivery{Mailbox: "INBOX", Flags: []string{"bad"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(); !errors.Is(err, boom) {
		t.Errorf("Publish: %v", err)
	}
	if s.PendingCount() != 1 {
		t.Error("a failed Publish ended the delivery")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if len(s.Messages("INBOX")) != 0 || s.PendingCount() != 0 {
		t.Error("a failed delivery left something")
	}
}
