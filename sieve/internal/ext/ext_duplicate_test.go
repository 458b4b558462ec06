package ext

import (
	"context"
	"errors"
	"testing"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// memory is what earlier deliveries remembered.
type memory struct {
	keys map[action.Key]bool
	err  error
}

func (m *memory) Seen(_ context.Context, key action.Key) (bool, error) { return m.keys[key], m.err }

// deliver runs a test over a message; it tells whether it was true, and remembers.
func (m *memory) deliver(t *testing.T, requires, test, header string) (bool, []*action.Remember) {
	t.Helper()
	p := compileForTest(t, `require ["`+requires+`", "variables"]; if `+test+` { discard; }`, nil)
	res := p.Run(t.Context(), message.Parse([]byte(header+"\n\ntext\n")), &engine.Env{User: "u", Seen: m})
	if res.Err != nil {
		t.Fatal(res.Err)
	}
	var marks []*action.Remember
	for _, a := range res.Actions {
		if r, ok := a.(*action.Remember); ok {
			m.keys[r.Key] = true
			marks = append(marks, r)
		}
	}
	return res.Keep == nil, marks
}

// RFC 7352 section 3: what makes two messages duplicates.
func TestDuplicateKeys(t *testing.T) {
	const id = "Message-ID: <1@x>\nX-Event: 1@x\nX-Other: <1@x>"
	for _, tt := range []struct {
		name, first, then, header string
		want                      bool
	}{
		{name: "same", first: `duplicate`, then: `duplicate`, header: id, want: true},
		{name: "other message", first: `duplicate`, then: `duplicate`, header: "Message-ID: <2@x>"},
		{name: "no id", first: `duplicate`, then: `duplicate`, header: "Subject: x"},
		{name: "no such field", first: `duplicate :header "X-None"`, then: `duplicate :header "X-None"`, header: id},
		{name: "handles are apart", first: `duplicate :handle "a"`, then: `duplicate :handle "b"`, header: id},
		{name: "a handle and none", first: `duplicate :handle ""`, then: `duplicate`, header: id},
		{name: "same handle", first: `duplicate :handle "a"`, then: `duplicate :handle "a"`, header: id, want: true},
		{name: "by a field", first: `duplicate :header "x-event"`, then: `duplicate :header "X-Event"`, header: id, want: true},
		{name: "by another field of the same value", first: `duplicate`, then: `duplicate :header "X-Other"`, header: id, want: true},
		{name: "by a value", first: `duplicate :uniqueid "<1@x>"`, then: `duplicate`, header: id, want: true},
		{name: ":last is apart", first: `duplicate :last`, then: `duplicate`, header: id},
		{name: "asked twice in one run", first: `anyof (duplicate, duplicate)`, then: `allof (duplicate, duplicate)`, header: id, want: true},
	} {
		m := &memory{keys: map[action.Key]bool{}}
		header := id
		if !hasMessageID(tt.header) {
			header = tt.header
		}
		if got, _ := m.deliver(t, "duplicate", tt.first, header); got {
			t.Errorf("%s: the first is a duplicate", tt.name)
		}
		if got, _ := m.deliver(t, "duplicate", tt.then, tt.header); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func hasMessageID(header string) bool {
	_, ok := message.Parse([]byte(header + "\n\n")).Get("Message-ID")
	return ok
}

// RFC 7352 section 3.2: with :last a duplicate counts anew; without it does not.
func TestDuplicateMarks(t *testing.T) {
	for _, tt := range []struct {
		test         string
		first, again int
		period       time.Duration
	}{
		{"duplicate", 1, 0, 12 * time.Hour},
		{"duplicate :last", 1, 1, 12 * time.Hour},
		{"duplicate :seconds 90", 1, 0, 90 * time.Second},
		{"duplicate :seconds 9999999", 1, 0, 48 * time.Hour},
		{"anyof (duplicate, duplicate :header \"message-id\")", 1, 0, 12 * time.Hour},
	} {
		m := &memory{keys: map[action.Key]bool{}}
		_, marks := m.deliver(t, "duplicate", tt.test, "Message-ID: <1@x>")
		if len(marks) != tt.first || marks[0].Period != tt.period {
			t.Errorf("%s: first %d marks of %v", tt.test, len(marks), marks[0].Period)
		}
		if _, marks = m.deliver(t, "duplicate", tt.test, "Message-ID: <1@x>"); len(marks) != tt.again {
			t.Errorf("%s: then %d marks", tt.test, len(marks))
		}
	}
}

// The test of the older draft remembers the same.
func TestVndDuplicate(t *testing.T) {
	m := &memory{keys: map[action.Key]bool{}}
	m.deliver(t, "vnd.dovecot.duplicate", `duplicate :value "<1@x>"`, "Subject: x")
	if got, _ := m.deliver(t, "duplicate", `duplicate`, "Message-ID: <1@x>"); !got {
		t.Error("forgotten")
	}
}

// A memory that fails makes nothing a duplicate, and the log tells.
func TestDuplicateWithoutMemory(t *testing.T) {
	p := compileForTest(t, `require "duplicate"; if duplicate { discard; }`, nil)
	msg := message.Parse([]byte("Message-ID: <1@x>\n\n"))
	for _, seen := range []engine.Seen{nil, &memory{err: errors.New("down")}} {
		res := p.Run(t.Context(), msg, &engine.Env{Seen: seen})
		if res.Err != nil || res.Keep == nil || len(res.Log) != 1 {
			t.Errorf("%v: %+v", seen, res)
		}
	}
}
