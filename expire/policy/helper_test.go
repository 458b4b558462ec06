package policy_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire/policy"
	"dovetail/expire/query"
	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/maildir"
)

// watchedFS counts what is done with files, and lets tests step in.
type watchedFS struct {
	fsx.OS
	opens  map[string]int          // of messages and directories
	before func(name string) error // called before a file is opened, looked at or removed; may be nil
}

func (w *watchedFS) step(name string) error {
	if w.before == nil {
		return nil
	}
	return w.before(name)
}

func (w *watchedFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	if err := w.step(name); err != nil {
		return nil, err
	}
	w.opens[name]++
	return w.OS.OpenFile(name, flag, perm)
}

func (w *watchedFS) OpenDir(name string) (fsx.Dir, error) {
	return fsxtest.DirOf(w, name), nil
}

func (w *watchedFS) ReadDir(name string) ([]fs.DirEntry, error) {
	w.opens[name]++
	return w.OS.ReadDir(name)
}

func (w *watchedFS) Lstat(name string) (fs.FileInfo, error) {
	if err := w.step(name); err != nil {
		return nil, err
	}
	return w.OS.Lstat(name)
}

func (w *watchedFS) Remove(name string) error {
	if err := w.step(name); err != nil {
		return err
	}
	return w.OS.Remove(name)
}

// asIs are the rights of the test.
type asIs struct{}

func (asIs) Do(f func() error) error { return f() }

// lapsing are rights that fail, after what is done with them, from some time on.
type lapsing struct{ after int }

func (l *lapsing) Do(f func() error) error {
	err := f()
	if l.after--; l.after < 0 {
		return errors.New("the rights are gone")
	}
	return err
}

// home is the mail of a user.
type home struct {
	t    *testing.T
	fs   *watchedFS
	user *policy.User
	root string
	now  time.Time // when the next plan is made
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, fs: &watchedFS{opens: map[string]int{}}, now: time.Now()}
	dir := t.TempDir()
	h.root = dir + "/Maildir"
	h.user = &policy.User{Name: "jan@example.org", Home: dir, Rights: asIs{}}
	h.folder("")
	var err error
	h.user.Store, err = maildir.Open(maildir.Options{Location: maildir.Location{Root: h.root}, Separator: "/", FS: h.fs, LockTimeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *home) folder(name string) {
	h.t.Helper()
	for _, part := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(h.root, name, part), 0o700); err != nil {
			h.t.Fatal(err)
		}
	}
}

// put writes message n into a folder ("" or ".A"), received n days and a half ago.
func (h *home) put(folder string, n int, flags string, header string) string {
	h.t.Helper()
	text := header + "\n\nbody\n"
	name := fmt.Sprintf("%d.M%dP1.h,S=%d:2,%s", n, n, len(text), flags)
	path := filepath.Join(h.root, folder, "cur", name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	at := h.now.Add(-time.Duration(n)*24*time.Hour - 12*time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// rule makes a rule that deletes in INBOX.
func (h *home) rule(name, text string, change func(*policy.Rule)) *policy.Rule {
	h.t.Helper()
	r := &policy.Rule{Name: name, Users: []string{"*"}, Mailboxes: []query.Mailbox{{Name: "INBOX"}}, Action: policy.Delete}
	if change != nil {
		change(r)
	}
	words, err := query.Split(text)
	if err != nil {
		h.t.Fatal(err)
	}
	if r.Query, err = query.Parse(words, query.Options{Now: h.now, Zone: time.UTC, Clock: r.Clock}); err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *home) planner(rules ...*policy.Rule) *policy.Planner {
	return &policy.Planner{Rules: rules, FS: h.fs, Now: func() time.Time { return h.now }}
}

func (h *home) plan(p *policy.Planner) *policy.Plan {
	h.t.Helper()
	plan, err := p.Plan(h.t.Context(), h.user)
	if err != nil {
		h.t.Fatal(err)
	}
	return plan
}

// left gives the numbers of the messages in a folder.
func (h *home) left(folder string) string {
	h.t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.root, folder, "cur"))
	if err != nil {
		h.t.Fatal(err)
	}
	var numbers []string
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), ".")
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return strings.Join(numbers, " ")
}

// chosen gives what a plan does: "INBOX rule: numbers", sorted.
func chosen(plan *policy.Plan) string {
	var out []string
	for _, f := range plan.Folders {
		for _, c := range f.Choices {
			text := f.Mailbox + " " + c.Rule.Name + ":"
			for _, m := range c.Chosen {
				number, _, _ := strings.Cut(filepath.Base(m.Path()), ".")
				text += " " + number
			}
			if len(c.Chosen) > 0 {
				out = append(out, text)
			}
		}
	}
	return strings.Join(out, "; ")
}

// memory is Stamps without a database.
type memory struct {
	now  func() time.Time
	at   map[string]map[string]time.Time // by mailbox and name
	kept []string
	err  error
	lost error // of Keep alone
}

func (m *memory) Known(_ context.Context, _, mailbox string, names []string) ([]time.Time, error) {
	times := make([]time.Time, len(names))
	for i, name := range names {
		times[i] = m.at[mailbox][name]
	}
	return times, m.err
}

func (m *memory) Of(ctx context.Context, user, mailbox string, names []string) ([]time.Time, error) {
	times, err := m.Known(ctx, user, mailbox, names)
	stamps := map[string]time.Time{}
	for i, name := range names {
		if stamps[name] = times[i]; times[i].IsZero() {
			stamps[name] = m.now()
		}
	}
	m.at[mailbox] = stamps
	return times, err
}

func (m *memory) Keep(_ context.Context, _ string, mailboxes []string) error {
	m.kept = mailboxes
	maps.DeleteFunc(m.at, func(mailbox string, _ map[string]time.Time) bool { return !slices.Contains(mailboxes, mailbox) })
	return errors.Join(m.err, m.lost)
}

// file gives the path of message n, wherever it is.
func (h *home) file(n int) string {
	h.t.Helper()
	var files []string
	for _, folder := range []string{"", ".*"} {
		found, err := filepath.Glob(fmt.Sprintf("%s/cur/%d.M*", filepath.Join(h.root, folder), n))
		if err != nil {
			h.t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) != 1 {
		h.t.Fatalf("message %d is in %q", n, files)
	}
	return files[0]
}

func (h *home) remove(n int) {
	h.t.Helper()
	if err := os.Remove(h.file(n)); err != nil {
		h.t.Fatal(err)
	}
}

// flag gives a message a flag more.
func (h *home) flag(n int) {
	h.t.Helper()
	path := h.file(n)
	if err := os.Rename(path, path+"T"); err != nil {
		h.t.Fatal(err)
	}
}
