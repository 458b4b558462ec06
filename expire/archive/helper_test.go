package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire"
	"dovetail/expire/archive"
	"dovetail/expire/query"
	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/mbox"
	"dovetail/internal/message"
	"dovetail/internal/userdb/expand"
	"dovetail/maildir"
)

var received = time.Date(2025, 3, 9, 8, 7, 6, 0, time.UTC)

// home is a user whose mail is archived.
type home struct {
	t        *testing.T
	dir      string
	store    *maildir.Store
	warnings []string
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir()}
	var err error
	h.store, err = maildir.Open(maildir.Options{Location: maildir.Location{Root: "~/Maildir"}, Home: h.dir, Separator: "/"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// put stores a message.
func (h *home) put(mailbox, text string, at time.Time, flags ...string) {
	h.t.Helper()
	storetest.Deliver(h.t, h.store, message.Parse([]byte(text)),
		mailstore.Delivery{Mailbox: mailbox, Create: true, Received: at, Flags: flags})
}

// matches are the messages of a mailbox.
func (h *home) matches(mailbox string) []expire.Match {
	h.t.Helper()
	q, err := query.Parse([]string{"all"}, query.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	var all []expire.Match
	u := &expire.User{Store: h.store, Query: q, Failed: func(_ string, err error) { h.t.Error(err) }}
	err = u.Search(context.Background(), mailbox, func(m expire.Match) error { all = append(all, m); return nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func opener(m expire.Match) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(m.Path()) }
}

// open opens an archive on a file system.
func (h *home) open(place string, fsys fsx.FS) *archive.Archive {
	h.t.Helper()
	p, err := archive.Parse(place)
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := archive.Open(archive.Options{
		Place: p, Vars: expand.Vars{User: "anna@example.org", Home: h.dir}, Separator: "/", FS: fsys,
		LockTimeout: 2 * time.Minute, Warn: func(err error) { h.warnings = append(h.warnings, err.Error()) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// archive adds all messages of a mailbox, as one run does.
func (h *home) archive(place, mailbox string) {
	h.t.Helper()
	if err := h.try(place, mailbox, fsx.OS{}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) try(place, mailbox string, fsys fsx.FS) error {
	a := h.open(place, fsys)
	for _, m := range h.matches(mailbox) {
		if err := a.Add(context.Background(), &m, opener(m)); err != nil {
			return errors.Join(err, a.Close())
		}
	}
	return errors.Join(a.Flush(context.Background()), a.Close())
}

// kept reads an mbox file of the home: a line for each message.
func (h *home) kept(name string) []string {
	h.t.Helper()
	f, err := mbox.Open(filepath.Join(h.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	var all []string
	r := f.Reader(mbox.Options{Location: time.UTC})
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, mbox.ErrNoMbox) && f.Size == 0 {
			return all
		}
		if err != nil {
			h.t.Fatal(err)
		}
		for _, found := range m.Findings {
			h.t.Errorf("%s: %s", name, found)
		}
		text, err := io.ReadAll(m.Open())
		if err != nil {
			h.t.Fatal(err)
		}
		mail, flags := mbox.Unpack(message.Parse(text))
		text, err = io.ReadAll(mail.Open())
		if err != nil {
			h.t.Fatal(err)
		}
		slices.Sort(flags)
		all = append(all, fmt.Sprintf("%s %q %q", m.Received.UTC().Format(time.DateTime), flags, text))
	}
}

// text is a short message of a subject.
func text(subject string) string { return "Subject: " + subject + "\n\nText of " + subject + "\n" }

// line is what kept gives for it.
func line(subject string, flags ...string) string {
	if flags == nil {
		flags = []string{}
	}
	return fmt.Sprintf("%s %q %q", received.Format(time.DateTime), flags, text(subject))
}

func (h *home) want(name string, want ...string) {
	h.t.Helper()
	if got := h.kept(name); !slices.Equal(got, want) {
		h.t.Errorf("%s has\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// readable lets every user read the home's mail.
func (h *home) readable() {
	h.t.Helper()
	for d := h.dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	err := filepath.WalkDir(h.dir, func(name string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(name, 0o755)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}
