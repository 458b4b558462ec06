package policy

import (
	"slices"
	"testing"
	"time"

	"dovetail/expire"
	"dovetail/maildir"
)

// folderOf makes a folder with messages of a KiB each, the first the oldest, which go
// to the rules by their numbers; -1 is none's.
func folderOf(rules []*Rule, by ...int) *Folder {
	f := &Folder{}
	for _, r := range rules {
		f.Choices = append(f.Choices, &Choice{Rule: r})
	}
	for i, rule := range by {
		a := expire.Answer{By: rule, Size: 1 << 10, At: time.Unix(int64(i), 0)}
		a.Found = &maildir.Found{Seq: uint32(i + 1)}
		f.take(a, time.Unix(1e9, 0), false)
	}
	return f
}

func TestLimits(t *testing.T) {
	messages := func(n int) Limit { return Limit{Messages: n} }
	kib := func(n int64) Limit { return Limit{Bytes: n << 10} }
	for _, c := range []struct {
		name  string
		rules []*Rule
		by    []int
		going [][]uint32 // by rule
		kept  []int
	}{
		{"no limit", []*Rule{{}}, []int{0, -1, 0}, [][]uint32{{1, 3}}, []int{0}},
		{"at least, the oldest go", []*Rule{{AtLeast: messages(3)}}, []int{0, 0, 0, 0, -1}, [][]uint32{{1, 2}}, []int{2}},
		{"at least more than there is", []*Rule{{AtLeast: messages(9)}}, []int{0, 0}, [][]uint32{nil}, []int{2}},
		{"at least bytes", []*Rule{{AtLeast: kib(3)}}, []int{0, 0, 0, 0}, [][]uint32{{1}}, []int{3}},
		{"at most, and no more", []*Rule{{AtMost: messages(3)}}, []int{0, 0, 0, 0, 0}, [][]uint32{{1, 2}}, []int{3}},
		{"at most, what others have counts", []*Rule{{AtMost: messages(3)}}, []int{-1, -1, -1, -1, 0, 0}, [][]uint32{{5, 6}}, []int{0}},
		{"at most bytes", []*Rule{{AtMost: kib(2)}}, []int{0, -1, 0, 0}, [][]uint32{{1, 3}}, []int{1}},
		{"at most not reached", []*Rule{{AtMost: messages(3)}}, []int{0, 0}, [][]uint32{nil}, []int{2}},
		{"at least goes before at most", []*Rule{{AtMost: messages(1), AtLeast: messages(3)}}, []int{0, 0, 0, 0}, [][]uint32{{1}}, []int{3}},
		{"a cap counts what the rule before leaves", []*Rule{{}, {AtMost: messages(2)}}, []int{0, 1, 1, 1, 0}, [][]uint32{{1, 5}, {2}}, []int{0, 2}},
		{"what a rule keeps is nobody else's", []*Rule{{AtLeast: messages(2)}, {}}, []int{0, 0, 1}, [][]uint32{{1}, {3}}, []int{1, 0}},
	} {
		f := folderOf(c.rules, c.by...)
		f.limit()
		for i, choice := range f.Choices {
			var going []uint32
			for _, m := range choice.Chosen {
				going = append(going, m.Seq)
			}
			if !slices.Equal(going, c.going[i]) || choice.Kept != c.kept[i] {
				t.Errorf("%s: rule %d takes %v and keeps %d, wanted %v and %d", c.name, i, going, choice.Kept, c.going[i], c.kept[i])
			}
		}
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for _, days := range []int{0, 6, 7, 29, 30, 89, 90, 364, 365, 729, 730, 9999} {
		h.add(time.Duration(days)*day, 10)
	}
	h.remove(8*day, 10)
	for i, b := range h {
		want := Amount{2, 20}
		if i == 1 {
			want = Amount{1, 10}
		}
		if b != want {
			t.Errorf("%s: %v, wanted %v", BucketNames[i], b, want)
		}
	}
	if sum := h.Total(); sum != (Amount{11, 110}) {
		t.Errorf("total %v", sum)
	}
}

// The mailbox of a special use is found with the namespace's prefix and without.
func TestUses(t *testing.T) {
	r := &Rule{Uses: []string{"Trash", "INBOX.Spam"}}
	for mailbox, want := range map[string]bool{"INBOX.Trash": true, "INBOX.trash": true, "INBOX.Spam": true, "INBOX.Trash.Old": false, "INBOX": false} {
		if got := r.isAbout(mailbox, ".", "INBOX."); got != want {
			t.Errorf("%s: %v", mailbox, got)
		}
	}
}
