package policy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/expire/policy"
	"dovetail/expire/query"
)

// A mailbox is read once, and a message opened once, however many rules ask.
func TestReadOnce(t *testing.T) {
	queries := []string{"SUBJECT no", "BODY no", "SENTBEFORE 1990-01-01", "NOT TEXT body", "LARGER 1M", "HEADER Subject 5"}
	var dirs []map[string]int
	for _, n := range []int{1, len(queries)} {
		h := newHome(t)
		for i := range 10 {
			h.put("", i, "", fmt.Sprintf("Subject: %d\nDate: Thu, 01 Jan 2026 10:00:00 +0000", i))
		}
		large := h.put("", 10, "", "Subject: large\nX: "+strings.Repeat(strings.Repeat("x", 500)+"\n ", 100)+"\nDate: Thu, 01 Jan 2026 10:00:00 +0000")
		var rules []*policy.Rule
		for i, q := range queries[len(queries)-n:] {
			rules = append(rules, h.rule(fmt.Sprint(i), q, nil))
		}
		p := h.planner(rules...)
		p.Ages = true
		plan := h.plan(p)
		if got := chosen(plan); !strings.HasSuffix(got, ": 5") {
			t.Errorf("%d rules: chosen %s", n, got)
		}
		count := map[string]int{}
		for name, opens := range h.fs.opens {
			if strings.Contains(name, ".M") && opens != 1 && (name != large || opens > 2) {
				t.Errorf("%d rules: %s was opened %d times", n, name, opens)
			} else if !strings.Contains(name, ".M") {
				count[strings.TrimPrefix(name, h.root)] = opens
			}
		}
		dirs = append(dirs, count)
	}
	if len(dirs[0]) == 0 || fmt.Sprint(dirs[0]) != fmt.Sprint(dirs[1]) {
		t.Errorf("with one rule these were read: %v, with more: %v", dirs[0], dirs[1])
	}
}

func TestPlan(t *testing.T) {
	about := func(names ...string) func(*policy.Rule) {
		return func(r *policy.Rule) {
			r.Mailboxes = nil
			for _, name := range names {
				r.Mailboxes = append(r.Mailboxes, query.Mailbox{Name: name, Pattern: strings.ContainsAny(name, "*%")})
			}
		}
	}
	type rule struct {
		query  string
		change func(*policy.Rule)
	}
	for _, c := range []struct {
		name  string
		rules []rule
		want  string
	}{
		{"the first one wins", []rule{{"SEEN", nil}, {"BEFORE 2d", nil}}, "INBOX 0: 1 3; INBOX 1: 2"},
		{"and the other way round", []rule{{"BEFORE 2d", nil}, {"SEEN", nil}}, "INBOX 0: 2 3; INBOX 1: 1"},
		{"patterns", []rule{{"ALL", about("Lists/%")}}, "Lists/a 0: 1"},
		{"several, and MAILBOX in the query", []rule{{"NOT MAILBOX INBOX", about("INBOX", "Trash", "Lists/*")}}, "Lists/a 0: 1; Lists/a/b 0: 2; Trash 0: 4"},
		{"special use, in any case", []rule{{"ALL", func(r *policy.Rule) { r.Mailboxes, r.Uses = nil, []string{"tRASH", "Papierkorb"} }}}, "Trash 0: 4"},
		{"other users", []rule{{"ALL", func(r *policy.Rule) { r.Users = []string{"*@example.com", "a?"} }}}, ""},
		{"a mask", []rule{{"ALL", func(r *policy.Rule) { r.Users = []string{"x", "?an@*"} }}}, "INBOX 0: 1 2 3"},
		{"the oldest first", []rule{{"ALL", func(r *policy.Rule) { r.AtLeast.Messages = 1 }}}, "INBOX 0: 2 3"},
		{"the oldest first by the Date field", []rule{{"ALL", func(r *policy.Rule) { r.AtLeast.Messages = 2; r.Clock = query.Sent }}}, "INBOX 0: 1"},
		{"the clock of the query", []rule{{"BEFORE 2026-02-02", func(r *policy.Rule) { r.Clock = query.Sent }}}, "INBOX 0: 1 2"},
		{"the saved date", []rule{{"BEFORE 1h", func(r *policy.Rule) { r.Clock = query.Saved }}, {"SINCE 1h", func(r *policy.Rule) { r.Clock = query.Saved }}}, "INBOX 1: 1 2 3"},
		{"nothing is moved where it is", []rule{{"ALL", func(r *policy.Rule) { about("*")(r); r.Action, r.Folder = policy.Move, "Trash" }}}, "INBOX 0: 1 2 3; Lists/a 0: 1; Lists/a/b 0: 2"},
		{"stop at the first that does not match", []rule{{"OLDESTONLY SEEN", nil}}, "INBOX 0: 1"},
	} {
		h := newHome(t)
		for _, folder := range []string{".Lists.a", ".Lists.a.b", ".Trash"} {
			h.folder(folder)
		}
		h.put("", 1, "S", "Date: Thu, 01 Jan 2026 10:00:00 +0000")
		h.put("", 2, "", "Date: Sun, 01 Feb 2026 10:00:00 +0000")
		h.put("", 3, "S", "Date: Sun, 01 Mar 2026 10:00:00 +0000")
		h.put(".Lists.a", 1, "", "Subject: a")
		h.put(".Lists.a.b", 2, "", "Subject: a")
		h.put(".Trash", 4, "S", "Subject: a")
		var rules []*policy.Rule
		for i, r := range c.rules {
			rules = append(rules, h.rule(fmt.Sprint(i), r.query, r.change))
		}
		if got := chosen(h.plan(h.planner(rules...))); got != c.want {
			t.Errorf("%s: %s, wanted %s", c.name, got, c.want)
		}
	}
}

// A plan is carried out as far as it still holds, and the report says how far.
func TestExecute(t *testing.T) {
	h := newHome(t)
	seen := h.put("", 1, "S", "Subject: a")
	h.put("", 40, "S", "Subject: a")
	h.put("", 400, "S", "Subject: a")
	h.put("", 2, "", "Subject: a")
	gone := h.put("", 5, "S", "Subject: a")
	p := h.planner(h.rule("read", "SEEN", func(r *policy.Rule) { r.AtLeast = policy.Limit{Messages: 2} }))
	p.Ages = true
	plan := h.plan(p)
	would := plan.Report()
	if err := errors.Join(os.Rename(seen, seen+"T"), os.Remove(gone)); err != nil {
		t.Fatal(err)
	}
	got := plan.Execute(t.Context())
	if left := h.left(""); left != "1 2" {
		t.Errorf("left are %s", left)
	}
	const size = int64(len("Subject: a\n\nbody\n"))
	f := got.Folders[0]
	r := f.Rules[0]
	if f.Total != (policy.Amount{Messages: 5, Bytes: 5 * size}) || r.Amount != (policy.Amount{Messages: 2, Bytes: 2 * size}) || r.Changed != 1 || r.Kept != 1 ||
		f.Before.Total().Messages != 5 || f.After.Total().Messages != 3 || f.After[1].Messages != 0 || f.Before[4].Messages != 1 || f.After[4].Messages != 0 || len(f.Errors) > 0 || got.Stopped {
		t.Errorf("the report is %+v", got)
	}
	days := func(at time.Time) int { return int(h.now.Sub(at).Hours() / 24) }
	if days(r.Oldest) != 400 || days(r.Newest) != 40 {
		t.Errorf("from %v to %v", r.Oldest, r.Newest)
	}
	if r := would.Folders[0].Rules[0]; r.Messages != 3 || r.Changed != 0 || would.Folders[0].After.Total().Messages != 2 || days(r.Newest) != 5 {
		t.Errorf("before, it was %+v", would)
	}
}

// A message that is flagged while it is looked at is asked about again, under its new name.
func TestFlaggedMeanwhile(t *testing.T) {
	for query, left := range map[string]string{"UNDELETED": "5", "UNDELETED BEFORE 1h": "5", "DELETED": "", "BEFORE 1h": ""} {
		h := newHome(t)
		h.put("", 5, "S", "Subject: a")
		done := false
		h.fs.before = func(name string) error {
			if strings.Contains(name, "/cur/5.") && !done {
				done = true
				h.flag(5)
			}
			return nil
		}
		p := h.planner(h.rule("a", query, nil))
		p.Ages = true // for which the message's file is looked at
		h.plan(p).Execute(t.Context())
		if got := h.left(""); !done || got != left {
			t.Errorf("%s: left are %q, wanted %q", query, got, left)
		}
	}
}

// Nobody's first sight of a message is its last.
func TestFirstSeen(t *testing.T) {
	h := newHome(t)
	h.put("", 400, "S", "Subject: a")
	clock := func(r *policy.Rule) { r.Clock = query.FirstSeen }
	stamps := &memory{at: map[string]map[string]time.Time{"old": {}}, now: func() time.Time { return h.now }}
	run := func(dry bool, texts ...string) string {
		var rules []*policy.Rule
		for i, text := range texts {
			rules = append(rules, h.rule(fmt.Sprint(i), text, clock))
		}
		p := h.planner(rules...)
		p.Stamps, p.DryRun = stamps, dry
		return chosen(h.plan(p))
	}
	if got := run(true, "ALL"); got != "" || len(stamps.at) != 1 {
		t.Errorf("a dry run: %s, %v", got, stamps.at)
	}
	if got := run(false, "ALL", "SEEN"); got != "" || len(stamps.at) != 1 || len(stamps.at["INBOX"]) != 1 {
		t.Errorf("at first sight: %s, %v", got, stamps.at)
	}
	h.now = h.now.Add(48 * time.Hour)
	h.put("", 500, "S", "Subject: a")
	if got := run(false, "BEFORE 3d", "BEFORE 1d"); got != "INBOX 1: 400" {
		t.Errorf("after two days: %s", got)
	}
	stamps.lost = errors.New("down")
	p := h.planner(h.rule("1", "BEFORE 1d", clock))
	p.Stamps = stamps
	if report := h.plan(p).Execute(t.Context()); h.left("") != "500" || len(report.Errors) != 1 || report.Folders[0].Rules[0].Messages != 1 {
		t.Errorf("where stamps cannot be forgotten: %+v, left %s", report, h.left(""))
	}
	stamps.err = stamps.lost
	h.folder(".Trash")
	h.put(".Trash", 1, "", "Subject: a")
	both := h.rule("all", "ALL", func(r *policy.Rule) { r.Mailboxes = []query.Mailbox{{Name: "*", Pattern: true}} })
	for _, p := range []*policy.Planner{h.planner(h.rule("0", "BEFORE 1d", clock), both), h.planner(both, h.rule("0", "BEFORE 1d", clock))} {
		p.Stamps = stamps
		plan := h.plan(p)
		if got := chosen(plan); got != "Trash all: 1" || len(plan.Folders[0].Errors) != 1 {
			t.Errorf("with the state down: %s, %v", got, plan.Folders[0].Errors)
		}
	}
	p = h.planner(h.rule("0", "BEFORE 1d", clock))
	if plan := h.plan(p); chosen(plan) != "" || len(plan.Folders[0].Errors) != 1 {
		t.Errorf("without a database: %s", chosen(plan))
	}
}

func TestOptOut(t *testing.T) {
	h := newHome(t)
	h.put("", 1, "", "Subject: a")
	keep := func(r *policy.Rule) { r.OptOut = ".keep" }
	p := h.planner(h.rule("mine", "ALL", keep), h.rule("law", "ALL", nil))
	if got := chosen(h.plan(p)); got != "INBOX mine: 1" {
		t.Errorf("without the file: %s", got)
	}
	file := filepath.Join(h.user.Home, ".keep")
	h.fs.before = func(name string) error {
		if name == file {
			return &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrPermission}
		}
		return nil
	}
	if plan, err := p.Plan(t.Context(), h.user); err == nil || plan != nil {
		t.Errorf("where nobody knows: %v, %+v", err, plan)
	}
	h.fs.before = nil
	if err := os.Symlink("nowhere", file); err != nil {
		t.Fatal(err)
	}
	plan := h.plan(p)
	if got := chosen(plan); got != "INBOX law: 1" || !plan.Report().OptOut {
		t.Errorf("with the file: %s", got)
	}
}
