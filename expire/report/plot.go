package report

import (
	"cmp"
	"fmt"
	"slices"

	"dovetail/expire/policy"
)

// width is that of the whole picture, in its own units; the browser stretches it.
const width = 1000

// folder is a mailbox's line of the picture: one bar of its mail before the run, and one
// of what is left.
type folder struct {
	Mailbox       string
	Others        int // of how many mailboxes it is the sum, where it is the last line
	before, after policy.Histogram
	full          int64
}

// segment is the part of a bar that mail of one age takes.
type segment struct {
	X, Width string // of the picture's units
	Age      int
	Name     string
	policy.Amount
}

// Before is the bar of the mail before the run.
func (f *folder) Before() bar { return bar{Histogram: f.before, full: f.full} }

// After is the bar of what is left.
func (f *folder) After() bar { return bar{Histogram: f.after, full: f.full} }

// bar is the mail of a mailbox at one time.
type bar struct {
	policy.Histogram
	full  int64
	Label string
}

// As gives the bar a label.
func (b bar) As(label string) bar {
	b.Label = label
	return b
}

// Total is the mail of all ages.
func (b bar) Total() policy.Amount { return b.Histogram.Total() }

// Segments are the parts of the bar, the youngest mail first.
func (b bar) Segments() []segment {
	var all []segment
	x := 0.0
	for i, a := range b.Histogram {
		if a.Bytes <= 0 {
			continue
		}
		w := float64(a.Bytes) / float64(b.full) * width
		all = append(all, segment{X: number(x), Width: number(w), Age: i, Name: ages[i], Amount: a})
		x += w
	}
	return all
}

func number(x float64) string { return fmt.Sprintf("%.2f", x) }

// folders sums up the mailboxes of one name, the largest first.
func (v *view) folders() {
	known := map[string]*folder{}
	for _, u := range v.Users {
		for _, f := range u.Folders {
			all := known[f.Mailbox]
			if all == nil {
				all = &folder{Mailbox: f.Mailbox}
				known[f.Mailbox] = all
				v.Folders = append(v.Folders, all)
			}
			all.add(f.Before, f.After)
		}
	}
	slices.SortStableFunc(v.Folders, func(a, b *folder) int {
		return cmp.Compare(b.before.Total().Bytes, a.before.Total().Bytes)
	})
	for _, f := range v.Folders {
		v.Before = plus(v.Before, f.before.Total())
		v.After = plus(v.After, f.after.Total())
	}
	var rest []*folder
	if len(v.Folders) > maxFolders {
		v.Folders, rest = v.Folders[:maxFolders:maxFolders], v.Folders[maxFolders:]
	}
	if v.MoreFolders = len(rest); v.MoreFolders > 0 {
		others := &folder{Others: len(rest)}
		for _, f := range rest {
			others.add(f.before, f.after)
		}
		v.Folders = append(v.Folders, others)
	}
	for _, f := range v.Folders {
		v.Full = max(v.Full, f.before.Total().Bytes, f.after.Total().Bytes)
	}
	for _, f := range v.Folders {
		f.full = max(v.Full, 1)
	}
}

func (f *folder) add(before, after policy.Histogram) {
	for i := range policy.Buckets {
		f.before[i] = plus(f.before[i], before[i])
		f.after[i] = plus(f.after[i], after[i])
	}
}

func plus(a, b policy.Amount) policy.Amount {
	return policy.Amount{Messages: a.Messages + b.Messages, Bytes: a.Bytes + b.Bytes}
}
