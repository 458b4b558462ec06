package policy_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dovetail/expire"
	"dovetail/expire/policy"
	"dovetail/expire/query"
	"dovetail/internal/fsx/fsxtest"
)

func everything(r *policy.Rule) { r.Mailboxes = []query.Mailbox{{Name: "*", Pattern: true}} }

// newMail makes a home with two folders that have messages.
func newMail(t *testing.T) *home {
	h := newHome(t)
	for _, folder := range []string{".A", ".B"} {
		h.folder(folder)
		h.put(folder, 1, "", "Subject: a")
		h.put(folder, 2, "", "Subject: a")
	}
	return h
}

// fails makes files fail whose paths have a part.
func (h *home) fails(part string) {
	h.fs.before = func(name string) error {
		if strings.Contains(name, part) {
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return nil
	}
}

// What goes wrong with one message or mailbox is told, and the others have their turn.
func TestFaults(t *testing.T) {
	t.Run("a message", func(t *testing.T) {
		h := newMail(t)
		h.fails("/.A/cur/1.")
		plan := h.plan(h.planner(h.rule("read", "SUBJECT a", everything), h.rule("all", "ALL", everything)))
		if got := chosen(plan); got != "A read: 2; B read: 1 2" {
			t.Errorf("chosen %s", got)
		}
		if got := plan.Execute(t.Context()); len(got.Folders[1].Errors) != 1 || h.left(".A") != "1" || h.left(".B") != "" {
			t.Errorf("report %+v, left %s", got, h.left(".A"))
		}
	})
	t.Run("many messages", func(t *testing.T) {
		h := newHome(t)
		h.folder(".A")
		for n := 1; n <= 15; n++ {
			h.put(".A", n, "", "Subject: a")
		}
		h.fs.before = func(name string) error {
			switch {
			case strings.Contains(name, "/.A/cur/15."):
				return &fs.PathError{Op: "open", Path: name, Err: syscall.EIO} // for now, as nobody knows better
			case strings.Contains(name, "/.A/cur/1"):
				return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
			}
			return nil
		}
		h.user.Archive = func(string) (policy.Archive, error) { return &shelf{t: t}, nil }
		plan := h.plan(h.planner(h.rule("read", "SUBJECT a", func(r *policy.Rule) { everything(r); r.Action = policy.Archived })))
		h.fails("/.A/cur")
		errs := plan.Execute(t.Context()).Folders[1].Errors // 7 of the plan, 8 of its execution
		if len(errs) != expire.MaxFailures+1 || !strings.HasPrefix(errs[expire.MaxFailures], "5 more messages, one of them: rule \"read\": ") {
			t.Errorf("%d errors: %s", len(errs), strings.Join(errs, "\n"))
		}
	})
	t.Run("a mailbox", func(t *testing.T) {
		h := newMail(t)
		h.fails("/.A/cur")
		plan := h.plan(h.planner(h.rule("all", "ALL", everything)))
		if got := plan.Execute(t.Context()); chosen(plan) != "B all: 1 2" || len(got.Folders[1].Errors) != 1 || h.left(".A") != "1 2" {
			t.Errorf("chosen %s, report %+v", chosen(plan), got)
		}
	})
	t.Run("a removal", func(t *testing.T) {
		h := newMail(t)
		plan := h.plan(h.planner(h.rule("all", "ALL", everything)))
		h.fails("/.A/cur/2.")
		if got := plan.Execute(t.Context()); len(got.Folders[1].Errors) != 1 || got.Folders[1].Rules[0].Messages != 1 || h.left(".A") != "2" || h.left(".B") != "" {
			t.Errorf("report %+v, left %s", got, h.left(".A"))
		}
	})
	t.Run("the rights", func(t *testing.T) {
		h := newMail(t)
		h.user.Rights = &lapsing{after: 4} // for the names of the mailboxes, twice for INBOX, and once for A
		plan := h.plan(h.planner(h.rule("all", "ALL", everything)))
		if got := plan.Execute(t.Context()); chosen(plan) != "" || len(got.Folders[1].Errors) != 1 || h.left(".A") != "1 2" {
			t.Errorf("chosen %s, report %+v", chosen(plan), got)
		}
	})
}

// What happens to mailboxes between the plan and its execution, and during both.
func TestMeanwhile(t *testing.T) {
	t.Run("a mailbox vanishes", func(t *testing.T) {
		h := newMail(t)
		h.fs.before = func(name string) error {
			if strings.Contains(name, "/.A/cur") {
				return os.RemoveAll(h.root + "/.A")
			}
			return nil
		}
		plan := h.plan(h.planner(h.rule("all", "ALL", everything)))
		for _, f := range plan.Execute(t.Context()).Folders {
			if len(f.Errors) > 0 || h.left(".B") != "" {
				t.Errorf("%s: %v, left %s", f.Mailbox, f.Errors, h.left(".B"))
			}
		}
	})
	t.Run("a mailbox vanishes later", func(t *testing.T) {
		h := newMail(t)
		plan := h.plan(h.planner(h.rule("all", "ALL", everything)))
		if err := os.RemoveAll(h.root + "/.A"); err != nil {
			t.Fatal(err)
		}
		if got := plan.Execute(t.Context()); len(got.Folders[1].Errors) != 0 || got.Folders[1].Rules[0].Changed != 2 || h.left(".B") != "" {
			t.Errorf("report %+v", got)
		}
	})
	t.Run("a flag there and back", func(t *testing.T) {
		h := newMail(t)
		byClock := func(r *policy.Rule) { r.Mailboxes[0].Name, r.Clock = "B", query.Saved }
		plan := h.plan(h.planner(h.rule("clock", "SINCE 1h", byClock), h.rule("key", "SAVEDSINCE 1h", everything)))
		for _, folder := range []string{"/.A", "/.B"} {
			names, err := filepath.Glob(h.root + folder + "/cur/1.*")
			if err != nil || len(names) != 1 {
				t.Fatal(names, err)
			}
			for before := fsxtest.Changed(t, names[0]); fsxtest.Changed(t, names[0]).Equal(before); { // the inode's clock ticks in milliseconds
				if err := errors.Join(os.Rename(names[0], names[0]+"T"), os.Rename(names[0]+"T", names[0])); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := plan.Execute(t.Context()); h.left(".A") != "1" || h.left(".B") != "1" || got.Folders[1].Rules[0].Changed != 1 || got.Folders[2].Rules[0].Changed != 1 {
			t.Errorf("left %s and %s, report %+v", h.left(".A"), h.left(".B"), got)
		}
	})
	t.Run("the end of the time while archiving", func(t *testing.T) {
		h := newMail(t)
		h.user.Archive = func(string) (policy.Archive, error) { return &shelf{t: t}, nil }
		plan := h.plan(h.planner(h.rule("all", "ALL", func(r *policy.Rule) { everything(r); r.Action = policy.Archived })))
		ctx, cancel := context.WithCancel(t.Context())
		h.fs.before = func(name string) error {
			if strings.Contains(name, "/.A/cur/1.") {
				cancel()
				return ctx.Err()
			}
			return nil
		}
		got := plan.Execute(ctx)
		if !got.Stopped || len(got.Folders[1].Errors) != 0 || h.left(".A") != "1 2" {
			t.Errorf("report %+v, left %s", got, h.left(".A"))
		}
	})
	t.Run("the end of the time", func(t *testing.T) {
		h := newMail(t)
		plan := h.plan(h.planner(h.rule("all", "ALL", everything)))
		ctx, cancel := context.WithCancel(t.Context())
		h.fs.before = func(name string) error {
			if strings.Contains(name, "/.A/cur/1.") {
				cancel()
			}
			return nil
		}
		got := plan.Execute(ctx)
		if !got.Stopped || len(got.Folders[1].Errors) != 0 || h.left(".B") != "1 2" {
			t.Errorf("report %+v", got)
		}
		if _, err := h.planner(h.rule("all", "ALL", everything)).Plan(ctx, h.user); !errors.Is(err, context.Canceled) {
			t.Errorf("a plan after it: %v", err)
		}
	})
}
