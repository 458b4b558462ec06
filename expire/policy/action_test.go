package policy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/expire"
	"dovetail/expire/policy"
)

// shelf is an Archive in memory.
type shelf struct {
	t      *testing.T
	added  []string
	kept   []string // by a Flush
	closed bool
	full   int   // so many can be added; 0: no limit
	broken error // that has happened
	flush  func() error
}

func (s *shelf) Add(_ context.Context, m *expire.Match, open func() (io.ReadCloser, error)) error {
	if s.broken != nil {
		return s.broken
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil || !strings.HasSuffix(string(text), "\n\nbody\n") {
		s.t.Errorf("%s: archived %q, %v", m.Path(), text, err)
	}
	if s.full > 0 && len(s.added) >= s.full {
		s.broken = errors.New("the disk is full")
		return s.broken
	}
	s.added = append(s.added, m.Path())
	return nil
}

func (s *shelf) Flush(context.Context) error {
	if s.broken == nil && s.flush != nil {
		s.broken = s.flush()
	}
	for _, path := range s.added {
		if there, err := filepath.Glob(path + "*"); err != nil || len(there) == 0 {
			s.t.Errorf("%s went before it was kept", path)
		}
	}
	if s.broken == nil {
		s.kept, s.added = append(s.kept, s.added...), nil
	}
	return s.broken
}

func (s *shelf) Close() error {
	s.closed = true
	return nil
}

// Only what an archive has to stay is deleted.
func TestArchive(t *testing.T) {
	down := errors.New("no such disk")
	for _, c := range []struct {
		name    string
		shelf   shelf
		open    error         // of the archive
		meddle  func(h *home) // when the plan is made
		left    string
		kept    int
		changed int
		errs    string // part of the one error; "" for none
	}{
		{name: "all", kept: 3},
		{name: "no archive", open: down, left: "1 2 3", errs: "no such disk"},
		{name: "full", shelf: shelf{full: 1}, left: "1 2 3", errs: "the disk is full"},
		{name: "flush", shelf: shelf{flush: func() error { return down }}, left: "1 2 3", errs: "no such disk"},
		{name: "one that cannot be read", left: "2", kept: 2, errs: "permission denied", meddle: func(h *home) {
			h.fs.before = func(name string) error {
				if strings.Contains(name, "/2.M") {
					return os.ErrPermission
				}
				return nil
			}
		}},
		{name: "one that is gone", kept: 2, changed: 1, meddle: func(h *home) { h.remove(2) }},
		{name: "one that is flagged", left: "2", kept: 3, changed: 1, meddle: func(h *home) { h.flag(2) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			for n := range 3 {
				h.put("", n+1, "S", "Subject: a")
			}
			c.shelf.t = t
			h.user.Archive = func(place string) (policy.Archive, error) {
				if place != "mbox:~/old" {
					t.Errorf("the archive %s", place)
				}
				return &c.shelf, c.open
			}
			p := h.planner(h.rule("old", "ALL", func(r *policy.Rule) { r.Action, r.Archive = policy.Archived, "mbox:~/old" }))
			plan := h.plan(p)
			if c.meddle != nil {
				c.meddle(h)
			}
			report := plan.Execute(t.Context())
			f := report.Folders[0]
			if h.left("") != c.left || len(c.shelf.kept) != c.kept || f.Rules[0].Changed != c.changed || c.open == nil && !c.shelf.closed {
				t.Errorf("left %s, kept %q, report %+v", h.left(""), c.shelf.kept, report)
			}
			if len(f.Errors) > 1 || !strings.Contains(fmt.Sprint(f.Errors), c.errs) || len(f.Errors) == 0 && c.errs != "" {
				t.Errorf("errors %q, wanted %s", f.Errors, c.errs)
			}
			if f.Rules[0].To != "mbox:~/old" {
				t.Errorf("the report says %+v", f.Rules[0])
			}
		})
	}
}

// What is moved is moved once, into a folder that is made for it; limits count for each mailbox.
func TestMove(t *testing.T) {
	h := newHome(t)
	h.folder(".A")
	for n := range 4 {
		h.put("", n+1, "S", "Subject: a")
		h.put(".A", n+11, "F", "Subject: a")
	}
	everywhere := func(action policy.Action, folder string) func(*policy.Rule) {
		return func(r *policy.Rule) {
			r.Mailboxes[0].Name, r.Mailboxes[0].Pattern, r.Action, r.Folder = "*", true, action, folder
		}
	}
	p := h.planner(h.rule("flagged", "FLAGGED", everywhere(policy.Move, "Old/Flagged")), h.rule("old", "BEFORE 2d", everywhere(policy.Delete, "")))
	plan := h.plan(p)
	h.flag(11)
	report := plan.Execute(t.Context())
	if left := h.left("") + "; " + h.left(".A") + "; " + h.left(".Old.Flagged"); left != "1; 11; 12 13 14" {
		t.Errorf("left %s; report %+v", left, report)
	}
	if r := report.Folders[1].Rules[0]; r.Messages != 3 || r.Changed != 1 || r.To != "Old/Flagged" || r.Action != policy.Move {
		t.Errorf("report %+v", r)
	}
	if subscribed, err := h.user.Store.Subscribed(); err != nil || len(subscribed) > 0 {
		t.Errorf("subscribed to %q, %v", subscribed, err)
	}
	p = h.planner(h.rule("back", "FLAGGED", func(r *policy.Rule) { r.Mailboxes[0].Name, r.Action, r.Folder = "Old/Flagged", policy.Move, "Back" }))
	p.Subscribe = true
	h.plan(p).Execute(t.Context())
	if subscribed, err := h.user.Store.Subscribed(); err != nil || len(subscribed) != 1 || h.left(".Back") != "12 13 14" {
		t.Errorf("subscribed to %q, %v; left %s", subscribed, err, h.left(".Back"))
	}
}
