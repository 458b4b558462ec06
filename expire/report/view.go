package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dovetail/expire/policy"
)

// How long the lists get.
const (
	maxProblems = 200
	maxFolders  = 15
	maxUsers    = 500
)

// view is what the page shows.
type view struct {
	*policy.Report
	Took        time.Duration
	Problems    []problem
	MoreProblem int // that are not listed
	Sums        []sum
	Before      policy.Amount
	After       policy.Amount
	Folders     []*folder
	MoreFolders int
	Full        int64 // bytes that a bar of the whole width stands for
	Ages        [policy.Buckets]string
	Rules       []*rule
	People      []person // for whom something was done
	MorePeople  int
	Kept        []string // users who keep all from a rule
	MoreKept    int
}

type problem struct{ User, Mailbox, Text string }

// sum is what was done by one kind of action.
type sum struct {
	Action policy.Action
	policy.Amount
}

// rule is what a rule did in all mailboxes.
type rule struct {
	policy.RuleReport
	Users int
}

// person is what was done for a user.
type person struct {
	User string
	policy.Amount
	Rows []row
}

type row struct {
	Mailbox string
	policy.RuleReport
}

func newView(r *policy.Report) *view {
	v := &view{Report: r, Took: r.Ended.Sub(r.Started).Round(time.Second), Ages: ages}
	v.problems()
	v.rules()
	v.folders()
	v.people()
	return v
}

// ages names the ages in words.
var ages = [policy.Buckets]string{"under a week", "up to a month", "up to 3 months", "up to a year", "up to 2 years", "older"}

func (v *view) problems() {
	for _, text := range v.Errors {
		v.Problems = append(v.Problems, problem{Text: text})
	}
	for _, u := range v.Users {
		for _, text := range u.Errors {
			v.Problems = append(v.Problems, problem{u.User, "", text})
		}
		for _, f := range u.Folders {
			for _, text := range f.Errors {
				v.Problems = append(v.Problems, problem{u.User, f.Mailbox, text})
			}
		}
		if u.OptOut {
			v.Kept = append(v.Kept, u.User)
		}
	}
	v.Problems, v.MoreProblem = cut(v.Problems, maxProblems)
	v.Kept, v.MoreKept = cut(v.Kept, maxUsers)
}

// cut gives the first of some, and how many there are behind them.
func cut[T any](all []T, most int) ([]T, int) {
	if len(all) <= most {
		return all, 0
	}
	return all[:most], len(all) - most
}

// rules sums up what each rule did.
func (v *view) rules() {
	type key struct{ rule, action, to, clock string }
	known := map[key]*rule{}
	sums := map[policy.Action]*sum{}
	for _, u := range v.Users {
		counted := map[*rule]bool{}
		for _, f := range u.Folders {
			for _, r := range f.Rules {
				k := key{r.Rule, string(r.Action), r.To, r.Clock}
				all := known[k]
				if all == nil {
					all = &rule{RuleReport: policy.RuleReport{Rule: r.Rule, Action: r.Action, To: r.To, Clock: r.Clock}}
					known[k] = all
					v.Rules = append(v.Rules, all)
				}
				all.add(r)
				if r.Messages > 0 && !counted[all] {
					counted[all] = true
					all.Users++
				}
				s := sums[r.Action]
				if s == nil {
					s = &sum{Action: r.Action}
					sums[r.Action] = s
				}
				s.Messages += r.Messages
				s.Bytes += r.Bytes
			}
		}
	}
	for _, action := range []policy.Action{policy.Delete, policy.Move, policy.Archived} {
		if s := sums[action]; s != nil {
			v.Sums = append(v.Sums, *s)
		}
	}
}

func (r *rule) add(other policy.RuleReport) {
	r.Messages += other.Messages
	r.Bytes += other.Bytes
	r.Changed += other.Changed
	r.Kept += other.Kept
	if r.Oldest.IsZero() || !other.Oldest.IsZero() && other.Oldest.Before(r.Oldest) {
		r.Oldest = other.Oldest
	}
	if other.Newest.After(r.Newest) {
		r.Newest = other.Newest
	}
}

// people lists for whom something was done.
func (v *view) people() {
	for _, u := range v.Users {
		p := person{User: u.User}
		for _, f := range u.Folders {
			for _, r := range f.Rules {
				if r.Messages+r.Changed+r.Kept == 0 {
					continue
				}
				p.Messages += r.Messages
				p.Bytes += r.Bytes
				p.Rows = append(p.Rows, row{f.Mailbox, r})
			}
		}
		if len(p.Rows) > 0 {
			v.People = append(v.People, p)
		}
	}
	slices.SortStableFunc(v.People, func(a, b person) int { return cmp.Compare(b.Bytes, a.Bytes) })
	v.People, v.MorePeople = cut(v.People, maxUsers)
}

// Past says what was done to messages, or would be.
func (v *view) Past(a policy.Action) string {
	past := map[policy.Action]string{policy.Delete: "deleted", policy.Move: "moved", policy.Archived: "archived"}[a]
	if v.DryRun {
		return "would be " + past
	}
	return past
}

// Title says what the page is about.
func (v *view) Title() string {
	what := "Mail expiry"
	if v.DryRun {
		what = "Mail expiry, a dry run"
	}
	return fmt.Sprintf("%s: %s", what, v.Started.Format("2 January 2006"))
}
