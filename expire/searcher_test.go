package expire_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/internal/fsx"
	"dovetail/maildir"
)

// many is more messages than one goroutine looks at in one go.
const many = 1500

// largeMailbox makes an INBOX of many messages.
func largeMailbox(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "Maildir")
	g := &maildirMaker{Rand: rand.New(rand.NewPCG(1, 5)), t: t, now: time.Now()}
	g.folder(root, many)
	return root
}

func openStore(t *testing.T, root string, fsys fsx.FS) *maildir.Store {
	t.Helper()
	store, err := maildir.Open(maildir.Options{Location: maildir.Location{Root: root}, Separator: "/", FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// asIs are rights of the caller.
func asIs(f func() error) error { return f() }

// searchAs gives what is found with Act, message by message.
func searchAs(t *testing.T, store *maildir.Store, words []string, act func(func() error) error) (found []string) {
	t.Helper()
	q, err := query.Parse(words, query.Options{Now: time.Now(), Zone: time.Local})
	if err != nil {
		t.Fatal(err)
	}
	u := &expire.User{Store: store, Query: q, Act: act, Stat: true}
	u.Failed = func(_ string, err error) { found = append(found, err.Error()) }
	err = u.Search(t.Context(), "INBOX", func(m expire.Match) error {
		found = append(found, fmt.Sprintf("%d %s %v", m.UID, m.Path(), m.Status.Received))
		return nil
	})
	if err != nil {
		t.Errorf("%q: %v", words, err)
	}
	return found
}

// Several goroutines find what one finds, in the same order.
func TestSearchTogether(t *testing.T) {
	store := openStore(t, largeMailbox(t), nil)
	g := &queryMaker{Rand: rand.New(rand.NewPCG(1, 6)), mailboxes: []string{"INBOX", "*"}, guids: []string{"x"}}
	matched := 0
	for i := range 60 {
		words := g.query()
		if i%10 == 0 {
			words = append([]string{"OLDESTONLY"}, words...)
		}
		want, got := searchAs(t, store, words, nil), searchAs(t, store, words, asIs)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %d found together, %d alone", words, len(got), len(want))
		}
		if len(want) > 0 {
			matched++
		}
	}
	if matched < 15 {
		t.Errorf("only %d queries matched anything", matched)
	}
}

// A search together ends as one goroutine's does: told to stop, by an error of who
// takes what is found, and without rights.
func TestSearchTogetherEnds(t *testing.T) {
	store := openStore(t, largeMailbox(t), nil)
	failure := errors.New("failure")
	for name, c := range map[string]struct {
		act  func(func() error) error
		take func(cancel func()) error
		want error
	}{
		"told to stop": {asIs, func(cancel func()) error { cancel(); return nil }, context.Canceled},
		"taker fails":  {asIs, func(func()) error { return failure }, failure},
		"no rights":    {func(func() error) error { return failure }, func(func()) error { return nil }, failure},
	} {
		q, err := query.Parse([]string{"BODY", "hello"}, query.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		u := &expire.User{Store: store, Query: q, Act: c.act}
		err = u.Search(ctx, "INBOX", func(expire.Match) error { return c.take(cancel) })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, wanted %v", name, err, c.want)
		}
		cancel()
	}
}

// failing is a file system that does not remove one file.
type failing struct {
	fsx.OS
	name string
}

func (f failing) Remove(name string) error {
	if name == f.name {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrPermission}
	}
	return f.OS.Remove(name)
}

// What goes is what a search finds, in however many parts and by however many goroutines,
// and what is told to be gone is gone when one of them fails.
func TestExpungeInParts(t *testing.T) {
	for _, fails := range []bool{false, true} {
		root := largeMailbox(t)
		store := openStore(t, root, nil)
		words := []string{"MAILBOX", "INBOX", "NOT", "SEEN"}
		found, all := searchAs(t, store, words, asIs), searchAs(t, store, []string{"ALL"}, asIs)
		if fails {
			_, rest, _ := strings.Cut(found[len(found)/2], " ")
			name, _, _ := strings.Cut(rest, " ")
			store = openStore(t, root, failing{name: name})
		}
		q, err := query.Parse(words, query.Options{})
		if err != nil {
			t.Fatal(err)
		}
		gone := map[uint32]bool{}
		u := &expire.User{Store: store, Query: q, Act: asIs}
		err = u.Expunge(t.Context(), "INBOX", func(m expire.Match) {
			if _, err := os.Lstat(m.Path()); !os.IsNotExist(err) {
				t.Errorf("%s: %v", m.Path(), err)
			}
			gone[m.UID] = true
		})
		left := len(searchAs(t, store, []string{"ALL"}, nil))
		if fails != (err != nil) || fails == (len(gone) == len(found)) || len(gone) < 200 || left != len(all)-len(gone) {
			t.Errorf("%d found, %d gone, %d left of %d, %v", len(found), len(gone), left, len(all), err)
		}
	}
}
