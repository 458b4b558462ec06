package policy

import (
	"time"

	"dovetail/expire/query"
)

// Report is what a run did, or with DryRun what it would do. Its JSON is an interface:
// keys stay, and new ones may come.
type Report struct {
	Started time.Time    `json:"started"`
	Ended   time.Time    `json:"ended"`
	DryRun  bool         `json:"dry_run"`
	Stopped bool         `json:"stopped"` // before all users had their turn
	Users   []UserReport `json:"users"`
	Errors  []string     `json:"errors,omitempty"` // with which the run ended
}

// UserReport is what was done for a user.
type UserReport struct {
	User    string         `json:"user"`
	OptOut  bool           `json:"opt_out"` // a rule was left out because the user wants to keep all
	Stopped bool           `json:"stopped"` // before all mailboxes had their turn
	Folders []FolderReport `json:"folders"` // that a rule is about
	Errors  []string       `json:"errors,omitempty"`
}

// FolderReport is what was done in a mailbox.
type FolderReport struct {
	Mailbox string       `json:"mailbox"`
	Total   Amount       `json:"total"` // before
	Before  Histogram    `json:"before"`
	After   Histogram    `json:"after"` // without what comes in from other mailboxes
	Rules   []RuleReport `json:"rules"` // that are about it
	// Errors are those of the mailbox and of its messages: of expire.MaxFailures
	// messages one each, and one for all others.
	Errors []string `json:"errors,omitempty"`
}

// RuleReport is what one rule did in a mailbox.
type RuleReport struct {
	Rule   string `json:"rule"`
	Action Action `json:"action"`
	To     string `json:"to,omitempty"` // folder or archive
	Clock  string `json:"clock"`        // received, sent, saved or first-seen
	Amount
	// Oldest and Newest of them, by that clock.
	Oldest time.Time `json:"oldest,omitzero"`
	Newest time.Time `json:"newest,omitzero"`
	// Changed were chosen, and stayed: somebody has changed, moved or removed them since.
	Changed int `json:"changed"`
	// Kept are messages that the query matches and that stay because of a limit.
	Kept int `json:"kept"`
}

// take takes in a message that the rule has dealt with.
func (r *RuleReport) take(m Chosen) {
	r.add(m.Size)
	if r.Oldest.IsZero() || m.At.Before(r.Oldest) {
		r.Oldest = m.At
	}
	if m.At.After(r.Newest) {
		r.Newest = m.At
	}
}

// clockNames are the clocks as settings and reports call them.
var clockNames = map[query.Clock]string{query.Received: "received", query.Sent: "sent", query.Saved: "saved", query.FirstSeen: "first-seen"}

// report gives the report of a plan of which nothing is done yet.
func (p *Plan) report() UserReport {
	report := UserReport{User: p.User.Name, OptOut: p.OptOut, Folders: []FolderReport{}}
	for _, f := range p.Folders {
		out := FolderReport{Mailbox: f.Mailbox, Total: f.Total, Before: f.Before, After: f.Before, Rules: []RuleReport{}}
		for _, c := range f.Choices {
			r := c.Rule
			out.Rules = append(out.Rules, RuleReport{Rule: r.Name, Action: r.Action, To: r.To(), Clock: clockNames[r.Clock], Kept: c.Kept})
		}
		report.Folders = append(report.Folders, out)
	}
	return report
}

// Report tells what the plan would do.
func (p *Plan) Report() UserReport {
	report := p.report()
	for i, f := range p.Folders {
		out := &report.Folders[i]
		for k, c := range f.Choices {
			for _, m := range c.Chosen {
				out.Rules[k].take(m)
				f.leaves(&out.After, m)
			}
		}
	}
	p.tell(&report)
	return report
}

// tell puts what went wrong into a report.
func (p *Plan) tell(report *UserReport) {
	for _, err := range p.Errors {
		report.Errors = append(report.Errors, err.Error())
	}
	for i, f := range p.Folders {
		for _, err := range f.Problems() {
			report.Folders[i].Errors = append(report.Folders[i].Errors, err.Error())
		}
	}
}

// Amount is a number of messages and their size as stored.
type Amount struct {
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

func (a *Amount) add(bytes int64) {
	a.Messages++
	a.Bytes += bytes
}

// Buckets are the ages of a Histogram.
const Buckets = 6

// BucketNames names the ages that messages of a bucket have.
var BucketNames = [Buckets]string{"<1w", "1w-1m", "1-3m", "3-12m", "1-2y", ">2y"}

// Histogram is the mail of a mailbox by how long ago it was received, in Buckets: the
// youngest first. It is zero where nobody asked for it.
type Histogram [Buckets]Amount

const day = 24 * time.Hour

// bucketEnds are the ages at which the next bucket begins; a month has 30 days.
var bucketEnds = [Buckets - 1]time.Duration{7 * day, 30 * day, 90 * day, 365 * day, 730 * day}

func bucket(age time.Duration) (i int) {
	for i < len(bucketEnds) && age >= bucketEnds[i] {
		i++
	}
	return i
}

func (h *Histogram) add(age time.Duration, bytes int64) { h[bucket(age)].add(bytes) }

func (h *Histogram) remove(age time.Duration, bytes int64) {
	b := &h[bucket(age)]
	b.Messages--
	b.Bytes -= bytes
}

// Total is the mail of all ages.
func (h *Histogram) Total() Amount {
	var sum Amount
	for _, b := range h {
		sum.Messages += b.Messages
		sum.Bytes += b.Bytes
	}
	return sum
}
