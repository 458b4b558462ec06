// Package storetest is the suite that every mailstore.Store passes: one call from
// the test of each implementation.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/mailerr"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// Harness is a new empty store and what the suite needs beside its interface.
type Harness struct {
	Store mailstore.Store
	// Read gives the bytes of a stored message.
	Read func(mailstore.Entry) (string, error)
	// Subscribed gives the subscribed mailboxes.
	Subscribed func() ([]string, error)
	// Limit gives the same store with a quota of that many bytes.
	Limit func(bytes int64) mailstore.Store
}

// Suite runs the tests; open gives a new empty store for each, whose mailbox
// hierarchy has "/" as separator.
func Suite(t *testing.T, open func(*testing.T) Harness) {
	tests := map[string]func(*testing.T, Harness){
		"keeps bytes, flags and date": testKeeps,
		"invisible until published":   testInvisible,
		"abort":                       testAbort,
		"missing mailbox":             testMissing,
		"makes and subscribes":        testCreates,
		"bad names":                   testBadNames,
		"inbox in any case":           testInbox,
		"sharing":                     testSharing,
		"many at once":                testConcurrent,
		"quota":                       testQuota,
		"entries as of now":           testEntriesNow,
		"open":                        testOpen,
		"expunge":                     testExpunge,
		"set flags":                   testSetFlags,
		"edit":                        testEdit,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var received = time.Date(2026, 11, 1, 12, 30, 15, 0, time.UTC)

func mail(n int) (*message.Message, string) {
	text := fmt.Sprintf("From: a@example.org\nSubject: message %d\n\nbody\nof %d\n", n, n)
	return message.Parse([]byte(text)), text
}

// Deliver stores m as a delivery does that has nothing else to do.
func Deliver(t *testing.T, s mailstore.Store, m *message.Message, d mailstore.Delivery) {
	t.Helper()
	p := prepare(t, s, m, d)
	if err := p.Publish(); err != nil {
		t.Fatalf("publishing: %v", err)
	}
	flush(t, p)
	if err := p.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
}

func prepare(t *testing.T, s mailstore.Store, m *message.Message, d mailstore.Delivery) mailstore.Pending {
	t.Helper()
	p, err := s.Prepare(context.Background(), m, d)
	if err != nil {
		t.Fatalf("preparing: %v", err)
	}
	flush(t, p)
	return p
}

func flush(t *testing.T, p mailstore.Pending) {
	t.Helper()
	if err := fsx.NewFlusher(0).Flush(context.Background(), p.Unsynced()); err != nil {
		t.Fatalf("flushing: %v", err)
	}
}

// Entries gives the messages of a mailbox; none when it does not exist.
func Entries(t *testing.T, s mailstore.Store, mailbox string) []mailstore.Entry {
	t.Helper()
	var all []mailstore.Entry
	for e, err := range s.Entries(context.Background(), mailbox) {
		if errors.Is(err, mailstore.ErrNoMailbox) {
			return nil
		}
		if err != nil {
			t.Fatalf("reading %s: %v", mailbox, err)
		}
		all = append(all, e)
	}
	return all
}

func one(t *testing.T, h Harness, mailbox string) mailstore.Entry {
	t.Helper()
	all := Entries(t, h.Store, mailbox)
	if len(all) != 1 {
		t.Fatalf("%d messages in %s, want 1", len(all), mailbox)
	}
	return all[0]
}

func testKeeps(t *testing.T, h Harness) {
	for i, flags := range [][]string{nil, {`\Seen`}, {`\Seen`, `\Flagged`, `Junk`}, {`$Label1`}} {
		mailbox := fmt.Sprintf("box%d", i)
		m, text := mail(i)
		Deliver(t, h.Store, m, mailstore.Delivery{Mailbox: mailbox, Create: true, Flags: flags, Received: received})
		e := one(t, h, mailbox)
		if e.Size != m.Size() || e.VSize != m.VirtualSize() || !e.Received.Equal(received) || e.Mailbox != mailbox {
			t.Errorf("entry %+v", e)
		}
		slices.Sort(e.Flags)
		slices.Sort(flags)
		if !slices.Equal(e.Flags, flags) {
			t.Errorf("flags %q, want %q", e.Flags, flags)
		}
		if got, err := h.Read(e); err != nil || got != text {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

func testInvisible(t *testing.T, h Harness) {
	m, _ := mail(1)
	p := prepare(t, h.Store, m, mailstore.Delivery{Mailbox: "box", Create: true, Received: received})
	if n := len(Entries(t, h.Store, "box")); n != 0 {
		t.Errorf("%d messages before Publish", n)
	}
	if err := p.Publish(); err != nil {
		t.Fatal(err)
	}
	one(t, h, "box")
	if err := p.Publish(); err == nil {
		t.Error("published twice")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	one(t, h, "box")
}

func testAbort(t *testing.T, h Harness) {
	for _, publish := range []bool{false, true} {
		m, _ := mail(1)
		p := prepare(t, h.Store, m, mailstore.Delivery{Mailbox: "box", Create: true, Flags: []string{`\Seen`}, Received: received})
		if publish {
			if err := p.Publish(); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Abort(); err != nil {
			t.Fatalf("abort, published %v: %v", publish, err)
		}
		if err := p.Abort(); err != nil {
			t.Errorf("second abort: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("close after abort: %v", err)
		}
		if n := len(Entries(t, h.Store, "box")); n != 0 {
			t.Errorf("%d messages after Abort, published %v", n, publish)
		}
	}
}

func testMissing(t *testing.T, h Harness) {
	ctx := context.Background()
	m, _ := mail(1)
	if _, err := h.Store.Prepare(ctx, m, mailstore.Delivery{Mailbox: "nope", Received: received}); !errors.Is(err, mailstore.ErrNoMailbox) {
		t.Errorf("Prepare: %v", err)
	}
	if ok, err := h.Store.Exists(ctx, "nope"); ok || err != nil {
		t.Errorf("Exists: %v, %v", ok, err)
	}
	for _, err := range h.Store.Entries(ctx, "nope") {
		if !errors.Is(err, mailstore.ErrNoMailbox) {
			t.Errorf("Entries: %v", err)
		}
	}
	if names, err := h.Store.Mailboxes(ctx); err != nil || !slices.Equal(names, []string{mailstore.Inbox}) {
		t.Errorf("mailboxes %q, %v", names, err)
	}
}

func testCreates(t *testing.T, h Harness) {
	ctx := context.Background()
	names := []string{"Spam", "Entwürfe", "a b&c", "Lists/Go/nuts", "日本語", "-dash", "INBOX/sub"}
	for i, name := range names {
		m, _ := mail(i)
		Deliver(t, h.Store, m, mailstore.Delivery{Mailbox: name, Create: true, Subscribe: i%2 == 0, Received: received})
		one(t, h, name)
		if ok, err := h.Store.Exists(ctx, name); !ok || err != nil {
			t.Errorf("Exists(%q): %v, %v", name, ok, err)
		}
		// Made already: subscribing is for what was made.
		Deliver(t, h.Store, m, mailstore.Delivery{Mailbox: name, Create: true, Subscribe: true, Received: received})
	}
	got, err := h.Store.Mailboxes(ctx)
	if err != nil || !slices.Contains(got, mailstore.Inbox) {
		t.Errorf("mailboxes %q, %v", got, err)
	}
	for _, name := range names {
		if !slices.Contains(got, name) {
			t.Errorf("mailboxes %q lack %q", got, name)
		}
	}
	subscribed, err := h.Subscribed()
	want := []string{"Spam", "a b&c", "日本語", "INBOX/sub"}
	slices.Sort(subscribed)
	slices.Sort(want)
	if err != nil || !slices.Equal(subscribed, want) {
		t.Errorf("subscribed to %q, %v, want %q", subscribed, err, want)
	}
}

func testBadNames(t *testing.T, h Harness) {
	ctx := context.Background()
	m, _ := mail(1)
	for _, name := range []string{"", "..", "../x", "a/../b", "/", "/abs", "a//b", "a/", "a\x00b", "a\nb", "a\x7fb", "bad\xffutf8", "."} {
		d := mailstore.Delivery{Mailbox: name, Create: true, Received: received}
		if _, err := h.Store.Prepare(ctx, m, d); !errors.Is(err, mailstore.ErrBadName) {
			t.Errorf("Prepare into %q: %v", name, err)
		}
		if ok, err := h.Store.Exists(ctx, name); ok || !errors.Is(err, mailstore.ErrBadName) {
			t.Errorf("Exists(%q): %v, %v", name, ok, err)
		}
	}
}

func testInbox(t *testing.T, h Harness) {
	m, text := mail(1)
	if ok, err := h.Store.Exists(context.Background(), "inbox"); !ok || err != nil {
		t.Errorf("Exists: %v, %v", ok, err)
	}
	Deliver(t, h.Store, m, mailstore.Delivery{Mailbox: "InBoX", Received: received}) // made without Create
	e := one(t, h, "Inbox")
	if got, err := h.Read(e); err != nil || got != text || e.Mailbox != mailstore.Inbox {
		t.Errorf("%+v, %q, %v", e, got, err)
	}
}

func testSharing(t *testing.T, h Harness) {
	m, text := mail(1)
	first := prepare(t, h.Store, m, mailstore.Delivery{Mailbox: "one", Create: true, Received: received})
	second := prepare(t, h.Store, m, mailstore.Delivery{Mailbox: "two", Create: true, Share: first, Received: received, Flags: []string{"Junk"}})
	third := prepare(t, h.Store, m, mailstore.Delivery{Mailbox: "one", Share: first, Received: received})
	for _, p := range []mailstore.Pending{first, second, third} {
		if err := p.Publish(); err != nil {
			t.Fatal(err)
		}
		flush(t, p)
	}
	if err := first.Abort(); err != nil { // the others do not depend on it any more
		t.Fatal(err)
	}
	for _, p := range []mailstore.Pending{first, second, third} {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, box := range []string{"one", "two"} {
		if got, err := h.Read(one(t, h, box)); err != nil || got != text {
			t.Errorf("%s: %q, %v", box, got, err)
		}
	}
}

func testConcurrent(t *testing.T, h Harness) {
	const workers, each = 8, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				m, _ := mail(w*each + i)
				p, err := h.Store.Prepare(context.Background(), m, mailstore.Delivery{
					Mailbox: "box", Create: true, Received: received, Flags: []string{fmt.Sprintf("kw%d", i%5)},
				})
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(p.Publish(), p.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, e := range Entries(t, h.Store, "box") {
		text, err := h.Read(e)
		if err != nil || seen[text] {
			t.Errorf("doubled or unreadable: %q, %v", text, err)
		}
		seen[text] = true
		var n int
		if _, after, ok := strings.Cut(text, "message "); !ok {
			t.Errorf("strange message %q", text)
		} else if _, err := fmt.Sscan(after, &n); err != nil || !slices.Equal(e.Flags, []string{fmt.Sprintf("kw%d", n%each%5)}) {
			t.Errorf("message %d has flags %q", n, e.Flags)
		}
	}
	if len(seen) != workers*each {
		t.Errorf("%d messages, want %d", len(seen), workers*each)
	}
}

func testQuota(t *testing.T, h Harness) {
	ctx := context.Background()
	if err := h.Store.CheckQuota(ctx, "INBOX", 1<<50); err != nil {
		t.Errorf("without a limit: %v", err)
	}
	m, _ := mail(1)
	s := h.Limit(2*m.Size() + 1)
	for range 2 {
		if err := s.CheckQuota(ctx, "INBOX", m.Size()); err != nil {
			t.Fatal(err)
		}
		Deliver(t, s, m, mailstore.Delivery{Mailbox: "INBOX", Received: received})
	}
	if err := s.CheckQuota(ctx, "INBOX", 0); err != nil {
		t.Errorf("not full yet: %v", err)
	}
	if err := s.CheckQuota(ctx, "INBOX", m.Size()); !isQuota(err) {
		t.Errorf("CheckQuota: %v", err)
	}
	if _, err := s.Prepare(ctx, m, mailstore.Delivery{Mailbox: "INBOX", Received: received}); !isQuota(err) {
		t.Errorf("Prepare: %v", err)
	}
	if n := len(Entries(t, s, "INBOX")); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

func isQuota(err error) bool {
	e := mailerr.Of(err)
	return e != nil && (e.Status == [3]int{5, 2, 2} || e.Status == [3]int{4, 2, 2})
}
