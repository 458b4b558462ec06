package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/mailstore"
)

// Edit changes a mailbox of a store.
func Edit(t *testing.T, s mailstore.Store, mailbox string, f func(mailstore.Editor) error) {
	t.Helper()
	if err := s.Edit(context.Background(), mailbox, f); err != nil {
		t.Fatalf("changing %s: %v", mailbox, err)
	}
}

// fill stores n messages in a mailbox and gives their entries in order.
func fill(t *testing.T, h Harness, mailbox string, n int, flags ...string) []mailstore.Entry {
	t.Helper()
	for i := range n {
		m, _ := mail(i)
		Deliver(t, h.Store, m, mailstore.Delivery{Mailbox: mailbox, Create: true, Received: received, Flags: flags})
	}
	all := Entries(t, h.Store, mailbox)
	slices.SortFunc(all, func(a, b mailstore.Entry) int {
		x, _ := h.Read(a)
		y, _ := h.Read(b)
		return strings.Compare(x, y)
	})
	return all
}

func testOpen(t *testing.T, h Harness) {
	ctx := context.Background()
	all := fill(t, h, "box", 3)
	for i, e := range all {
		want, text := mail(i)
		m, closer, err := h.Store.Open(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(m.Open())
		if err != nil || string(got) != text || m.Size() != want.Size() || m.VirtualSize() != want.VirtualSize() {
			t.Errorf("message %d: %q, %v", i, got, err)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	// A change of flags meanwhile does not hide a message, an expunge does.
	Edit(t, h.Store, "box", func(e mailstore.Editor) error {
		return errors.Join(e.SetFlags(all[0], []string{`\Seen`}), e.Expunge(all[1]))
	})
	_, closer, err := h.Store.Open(ctx, all[0])
	if err != nil {
		t.Fatalf("after a change of flags: %v", err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := h.Store.Open(ctx, all[1]); !errors.Is(err, mailstore.ErrNoMessage) {
		t.Errorf("expunged: %v", err)
	}
}

func testExpunge(t *testing.T, h Harness) {
	all := fill(t, h, "box", 4)
	Edit(t, h.Store, "box", func(e mailstore.Editor) error {
		// Its own change of flags does not keep a message from being found.
		return errors.Join(e.Expunge(all[0]), e.SetFlags(all[2], []string{"Junk"}), e.Expunge(all[2]))
	})
	Edit(t, h.Store, "box", func(e mailstore.Editor) error { return e.Expunge(all[0]) }) // gone already
	left := Entries(t, h.Store, "box")
	if len(left) != 2 {
		t.Fatalf("%d messages left, want 2", len(left))
	}
	for _, e := range left {
		if text, err := h.Read(e); err != nil || !strings.Contains(text, "message 1") && !strings.Contains(text, "message 3") {
			t.Errorf("left: %q, %v", text, err)
		}
	}
}

func testSetFlags(t *testing.T, h Harness) {
	for _, before := range [][]string{nil, {`\Flagged`, "Junk"}} {
		mailbox := fmt.Sprintf("box%d", len(before))
		first := fill(t, h, mailbox, 1, before...)[0]
		set := func(e mailstore.Entry, flags, want []string) {
			t.Helper()
			Edit(t, h.Store, mailbox, func(ed mailstore.Editor) error { return ed.SetFlags(e, flags) })
			now := one(t, h, mailbox)
			slices.Sort(now.Flags)
			if slices.Sort(want); !slices.Equal(now.Flags, want) || !now.Received.Equal(received) || now.GUID != first.GUID {
				t.Errorf("flags %q, want %q; %+v", now.Flags, want, now)
			}
		}
		for _, flags := range [][]string{{`\Seen`}, {`\Seen`, "Junk", "$New"}, nil, {"Other"}, {}, before} {
			set(one(t, h, mailbox), flags, slices.Clone(flags))
		}
		// What others do meanwhile stays.
		stale := one(t, h, mailbox)
		set(stale, append([]string{`\Seen`}, before...), append([]string{`\Seen`}, before...))
		set(stale, []string{"$New"}, []string{`\Seen`, "$New"})
		set(stale, nil, []string{`\Seen`, "$New"})
		Edit(t, h.Store, mailbox, func(ed mailstore.Editor) error { return ed.Expunge(first) })
		err := h.Store.Edit(context.Background(), mailbox, func(ed mailstore.Editor) error { return ed.SetFlags(first, []string{`\Seen`}) })
		if !errors.Is(err, mailstore.ErrNoMessage) {
			t.Errorf("setting flags of an expunged message: %v", err)
		}
	}
}

func testEdit(t *testing.T, h Harness) {
	ctx := context.Background()
	boom := errors.New("boom")
	if err := h.Store.Edit(ctx, "nope", func(mailstore.Editor) error { return boom }); !errors.Is(err, mailstore.ErrNoMailbox) {
		t.Errorf("a missing mailbox: %v", err)
	}
	e := fill(t, h, "box", 1)[0]
	fill(t, h, "other", 1)
	for range 2 { // the first leaves no lock behind
		if err := h.Store.Edit(ctx, "box", func(mailstore.Editor) error { return boom }); !errors.Is(err, boom) {
			t.Errorf("error of f: %v", err)
		}
	}
	err := h.Store.Edit(ctx, "other", func(ed mailstore.Editor) error { return ed.Expunge(e) })
	if err == nil || len(Entries(t, h.Store, "box")) != 1 || len(Entries(t, h.Store, "other")) != 1 {
		t.Errorf("a message of another mailbox was expunged: %v", err)
	}
}

// What is stored while a mailbox is read is not given.
func testEntriesNow(t *testing.T, h Harness) {
	fill(t, h, "box", 2)
	fill(t, h, "box", 2, `\Seen`)
	n := 0
	for _, err := range h.Store.Entries(context.Background(), "box") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n > 4 {
			t.Fatal("gives what it was made to store")
		}
		m, _ := mail(n)
		Deliver(t, h.Store, m, mailstore.Delivery{Mailbox: "box", Received: received, Flags: []string{`\Seen`}})
	}
	if n != 4 || len(Entries(t, h.Store, "box")) != 8 {
		t.Errorf("%d entries, want 4", n)
	}
}
