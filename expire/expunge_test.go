package expire_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire"
	"dovetail/expire/query"
	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/maildir"
)

// watchedFS tells of what is done with files.
type watchedFS struct {
	fsx.OS
	lock  func() // called before a lock is taken
	look  func() // called before a message is looked at
	looks int    // at messages
	opens int    // of messages
}

func isMessage(name string) bool { return strings.Contains(filepath.Base(name), ".M") }

func (w *watchedFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	if strings.HasSuffix(name, "dovecot-uidlist.lock") && w.lock != nil {
		w.lock()
	}
	if isMessage(name) {
		w.opens++
	}
	return w.OS.OpenFile(name, flag, perm)
}

func (w *watchedFS) Lstat(name string) (fs.FileInfo, error) {
	if isMessage(name) {
		w.looks++
		if w.look != nil {
			w.look()
		}
	}
	return w.OS.Lstat(name)
}

func (w *watchedFS) OpenDir(name string) (fsx.Dir, error) { return fsxtest.DirOf(w, name), nil }

// home is the mail of a user, with INBOX only.
type home struct {
	t      *testing.T
	fs     *watchedFS
	store  *maildir.Store
	inbox  string
	failed []string
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, fs: &watchedFS{}, inbox: t.TempDir() + "/Maildir"}
	for _, part := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(h.inbox+"/"+part, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	h.store, err = maildir.Open(maildir.Options{Location: maildir.Location{Root: h.inbox}, Separator: "/", FS: h.fs, LockTimeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// put writes a message, number n, received n and a half hours ago.
func (h *home) put(n int, flags, text string) string {
	h.t.Helper()
	name := fmt.Sprintf("%s/cur/%d.M%dP1.h,S=%d,W=%d:2,%s", h.inbox, n, n, len(text), len(text)+strings.Count(text, "\n"), flags)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	at := time.Now().Add(-time.Duration(n)*time.Hour - 30*time.Minute)
	if err := os.Chtimes(name, at, at); err != nil {
		h.t.Fatal(err)
	}
	return name
}

func (h *home) user(text string) *expire.User {
	h.t.Helper()
	words, err := query.Split(text)
	if err != nil {
		h.t.Fatal(err)
	}
	q, err := query.Parse(words, query.Options{Now: time.Now(), Zone: time.Local})
	if err != nil {
		h.t.Fatal(err)
	}
	return &expire.User{Store: h.store, Query: q, Failed: func(_ string, err error) { h.failed = append(h.failed, err.Error()) }}
}

// search gives the UIDs of what is found.
func (h *home) search(text string) []uint32 {
	h.t.Helper()
	var found []uint32
	err := h.user(text).Search(h.t.Context(), "INBOX", func(m expire.Match) error { found = append(found, m.UID); return nil })
	if err != nil {
		h.t.Errorf("%s: %v", text, err)
	}
	return found
}

func (h *home) expunge(ctx context.Context, text string) ([]uint32, error) {
	var gone []uint32
	err := h.user(text).Expunge(ctx, "INBOX", func(m expire.Match) { gone = append(gone, m.UID) })
	return gone, err
}

func (h *home) rename(from, to string) {
	h.t.Helper()
	if err := os.Rename(from, to); err != nil {
		h.t.Fatal(err)
	}
}

// What changes between the choice and the removal stays: a flag, a flag there and back
// where the saved date is asked, a message that is gone.
func TestExpungeChanged(t *testing.T) {
	for _, c := range []struct {
		query string
		gone  []uint32
	}{
		{"MAILBOX INBOX SEEN", []uint32{1, 4}},
		{"MAILBOX INBOX SEEN SAVEDSINCE 1h", []uint32{1}},
	} {
		h := newHome(t)
		var names []string
		for n := range 4 {
			names = append(names, h.put(n+1, "S", "Subject: a\n\nb\n"))
		}
		h.fs.lock = func() {
			h.rename(names[1], names[1]+"T")
			if err := os.Remove(names[2]); err != nil {
				t.Fatal(err)
			}
			for before := fsxtest.Changed(t, names[3]); fsxtest.Changed(t, names[3]).Equal(before); { // the inode's clock ticks in milliseconds
				h.rename(names[3], names[3]+"T")
				h.rename(names[3]+"T", names[3])
			}
		}
		gone, err := h.expunge(t.Context(), c.query)
		if err != nil || !slices.Equal(gone, c.gone) {
			t.Errorf("%s: gone are %v, wanted %v, %v", c.query, gone, c.gone, err)
		}
		if _, err := os.Stat(names[1] + "T"); err != nil {
			t.Errorf("%s: %v", c.query, err)
		}
	}
}

// A message that gets a flag while its dates or its size are asked for stays.
func TestExpungeFlaggedMeanwhile(t *testing.T) {
	for name, stat := range map[string]bool{"1.M1P1.h,S=15:2,": true, "1.M1P1.h:2,": false} {
		h := newHome(t)
		path := h.inbox + "/cur/" + name
		if err := os.WriteFile(path, []byte("Subject: a\n\nb\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.fs.look = func() {
			h.fs.look = nil
			h.rename(path, path+"F")
		}
		u := h.user("MAILBOX INBOX UNFLAGGED")
		u.Stat = stat
		gone := 0
		err := u.Expunge(t.Context(), "INBOX", func(expire.Match) { gone++ })
		if _, there := os.Stat(path + "F"); err != nil || gone > 0 || there != nil || h.fs.look != nil {
			t.Errorf("%s: %d gone, %v, %v", name, gone, there, err)
		}
	}
}

// Numbers are looked up while nobody can change them.
func TestExpungeNumbers(t *testing.T) {
	h := newHome(t)
	var names []string
	for n := range 4 {
		names = append(names, h.put(n+1, "", "Subject: a\n\nb\n"))
	}
	h.fs.lock = func() {
		if err := os.Remove(names[0]); err != nil {
			t.Fatal(err)
		}
		h.fs.lock = nil
	}
	if _, err := h.expunge(t.Context(), "MAILBOX INBOX 1"); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(h.inbox + "/cur/*")
	if err != nil || !slices.Equal(left, names[2:]) {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A message that cannot be read matches nothing, and is told of.
func TestUnreadable(t *testing.T) {
	h := newHome(t)
	h.put(1, "", "Subject: a\n\nb\n")
	if err := os.Symlink("/etc/passwd", h.inbox+"/cur/2.M2P1.h:2,"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"BODY b", "NOT BODY root", "NOT SINCE 1h BODY b", "SMALLER 100M BODY b"} {
		h.failed = nil
		if got := h.search(text); !slices.Equal(got, []uint32{1}) || len(h.failed) != 1 {
			t.Errorf("%s: %v, %q", text, got, h.failed)
		}
	}
}

// Nothing is looked at that cannot change the answer.
func TestCheapestFirst(t *testing.T) {
	h := newHome(t)
	for n := range 10 {
		h.put(n+1, []string{"S", ""}[n%2], "Subject: a\nDate: Mon, 02 Nov 2026 10:00:00 +0200\n\nb\n")
	}
	for _, c := range []struct {
		query               string
		found, looks, opens int
	}{
		{"SEEN", 5, 0, 0},
		{"SINCE 5h SEEN LARGER 10", 2, 5, 0},
		{"BODY b SUBJECT a SINCE 5h SEEN", 2, 5, 2},
		{"SEEN OR BODY b", 10, 0, 5},
		{"NOT ( UNSEEN OR BODY x )", 5, 0, 5},
		{"UID 3 SUBJECT a", 1, 0, 1},
		{"MAILBOX Other BODY b", 0, 0, 0},
		{"SENTBEFORE 2026-11-03 UID 1:2", 2, 0, 2},
		{"OLDESTONLY BEFORE 1h NOT UID 4:5", 3, 10, 0},
	} {
		h.fs.looks, h.fs.opens = 0, 0
		found := h.search(c.query)
		if len(found) != c.found || h.fs.looks > c.looks || h.fs.opens > c.opens {
			t.Errorf("%s: %d found with %d looks and %d opens, wanted %d with %d and %d", c.query, len(found), h.fs.looks, h.fs.opens, c.found, c.looks, c.opens)
		}
	}
}

// A run that is told to stop stops; what is removed up to then is told.
func TestExpungeStopped(t *testing.T) {
	h := newHome(t)
	for n := range 20 {
		h.put(n+1, "", "Subject: a\n\nb\n")
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.fs.lock = cancel
	gone, err := h.expunge(ctx, "MAILBOX INBOX ALL")
	if left, globErr := filepath.Glob(h.inbox + "/cur/*"); err == nil || globErr != nil || len(left)+len(gone) != 20 {
		t.Errorf("%d gone, %d left, %v, %v", len(gone), len(left), err, globErr)
	}
	if _, err := os.Stat(h.inbox + "/dovecot-uidlist.lock"); !os.IsNotExist(err) {
		t.Errorf("the lock is left: %v", err)
	}
}

// The dates that Dovecot 2.3 reads, and those that it takes for 1970 (measured).
func TestSentDates(t *testing.T) {
	for date, want := range map[string]string{
		"Sun, 01 Nov 2026 01:02:03 GMT":   "2026-11-01 01:02:03",
		"1 Nov 26 1:02 GMT":               "2026-11-01 01:02:00",
		"1 Nov 70 01:02:03 GMT":           "1970-11-01 01:02:03",
		"1 Nov 2026 01.02.03 +0000":       "2026-11-01 01:02:03",
		"1 Nov 2026 01 : 02 : 03 +0000":   "2026-11-01 01:02:03",
		"1 Nov 2026 01:02:03":             "2026-11-01 01:02:03",
		"1 Nov 2026 01:02:03 (x) -0100":   "2026-11-01 02:02:03",
		"1 Nov 2026 01:02:60 +0000":       "2026-11-01 01:02:59",
		"1 Nov 2026 01:02:03 A":           "2026-11-01 00:02:03",
		"1 November 2026 01:02:03 EST":    "2026-11-01 06:02:03",
		"1 Nov 2026 01:2:03 GMT":          "1970-01-01 00:00:00",
		"1 Nov 2026 01:02:3 GMT":          "1970-01-01 00:00:00",
		"Sun 1 Nov 2026 01:02:03 GMT":     "1970-01-01 00:00:00",
		"Sunday, 1 Nov 2026 01:02:03 GMT": "1970-01-01 00:00:00",
		"1-Nov-2026 01:02:03 +0000":       "1970-01-01 00:00:00",
		"32 Nov 2026 01:02:03 +0000":      "1970-01-01 00:00:00",
		"1 Nov 2026 25:02:03 +0000":       "1970-01-01 00:00:00",
		"Sun Nov 1 01:02:03 2026":         "1970-01-01 00:00:00",
		"1 Nov 126 01:02:03 GMT":          "1970-01-01 00:00:00",
		"1 Nov 2026":                      "1970-01-01 00:00:00",
		"1 Nov 2026 01:02:03+0100":        "1970-01-01 00:00:00",
		"1 Nov 2026 01:02:":               "1970-01-01 00:00:00",
		"":                                "1970-01-01 00:00:00",
	} {
		h := newHome(t)
		h.put(1, "", "Date: "+date+"\n\nb\n")
		at, err := time.Parse(time.DateTime, want)
		if err != nil {
			t.Fatal(err)
		}
		border := fmt.Sprintf("SENTSINCE %d SENTBEFORE %d", at.Unix(), at.Unix()+1)
		if got := h.search(border); len(got) != 1 {
			t.Errorf("%s is not %s", date, want)
		}
	}
}
