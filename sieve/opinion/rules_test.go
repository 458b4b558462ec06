package opinion

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// batch is a message and rules about it.
type batch struct {
	mail  *mail
	head  string   // require, and what is set before the rules
	tests []string // one test each
}

// rulesPerBatch are as many as one process looks at.
const rulesPerBatch = 25

// newBatch makes a batch.
func newBatch(r random, caps map[string]bool) *batch {
	g := newGenerator(r, caps)
	b := &batch{mail: g.mail}
	g.need("fileinto", "variables", "enotify") // for script
	head := g.presets()
	if g.caps["imap4flags"] && g.one(2) {
		g.need("imap4flags")
		head += "setflag " + g.flags() + ";\n"
	}
	if g.caps["editheader"] && g.one(5) {
		head += g.edit()
	}
	for range rulesPerBatch {
		b.tests = append(b.tests, g.test(2))
	}
	b.head = g.require() + head
	return b
}

// script writes the rules as one script. Each that holds files into a mailbox
// with its number, the length of the match and the match variables, %-encoded, as
// the name. Before it a
// match sets those anew, so that no rule sees what another has left.
func (b *batch) script(numbers ...int) string {
	var s strings.Builder
	s.WriteString(b.head)
	for _, i := range numbers {
		fmt.Fprintf(&s, "if string :matches \"-\" \"*\" {}\n")
		fmt.Fprintf(&s, "if %s {\n  set :length \"n\" \"${0}\"; set :encodeurl \"m\" \"${1}|${2}|${3}|${0}\"; fileinto \"%d ${n} ${m}\";\n}\n", b.tests[i], i)
	}
	return s.String()
}

// numbers are those of all rules.
func (b *batch) numbers() []int {
	all := make([]int, len(b.tests))
	for i := range all {
		all[i] = i
	}
	return all
}

// disagreement is a script and a message about which two engines do not agree.
type disagreement struct {
	script      string
	mail        *mail
	ours, other outcome
}

func (d disagreement) String() string {
	return fmt.Sprintf("--- script\n%s--- message from <%s> to <%s>\n%q\n--- dovetail\n%s\n--- other\n%s", d.script,
		d.mail.envelope.From, d.mail.envelope.To, d.mail.bytes(), d.ours, d.other)
}

// engines are the two that are compared.
type engines struct {
	ours  func(script string, m *mail) outcome
	other func(name, script string, m *mail) (outcome, error)
}

// compare runs one script by both. nil when they agree.
func (e engines) compare(name, script string, m *mail) (*disagreement, error) {
	other, err := e.other(name, script, m)
	if err != nil {
		return nil, fmt.Errorf("%w\n--- script\n%s--- message from <%s>\n%q", err, script, m.envelope.From, m.bytes())
	}
	ours := e.ours(script, m)
	if ours.equal(other) {
		return nil, nil
	}
	return &disagreement{script, m, ours, other}, nil
}

// compareBatch finds the rules about which the engines do not agree.
func (e engines) compareBatch(name string, b *batch) ([]*disagreement, error) {
	all, err := e.compare(name, b.script(b.numbers()...), b.mail)
	if all == nil || err != nil {
		return nil, err
	}
	suspects := b.numbers()
	if all.ours.failed == "" && all.other.failed == "" && all.ours.keep == all.other.keep {
		suspects = differing(all.ours.actions, all.other.actions)
	}
	var found []*disagreement
	for _, i := range suspects {
		d, err := e.compare(name, b.script(i), b.mail)
		if err != nil {
			return nil, err
		}
		if d != nil {
			found = append(found, d)
		}
	}
	if len(found) == 0 { // only all together
		found = append(found, all)
	}
	return found, nil
}

// differing gives the numbers of rules whose mailbox only one of the two has.
func differing(a, b []string) []int {
	seen := map[string]int{}
	for _, l := range a {
		seen[l]++
	}
	for _, l := range b {
		seen[l]--
	}
	var numbers []int
	for l, n := range seen {
		if n == 0 {
			continue
		}
		digits, _, _ := strings.Cut(strings.TrimPrefix(l, `store "`), " ")
		if i, err := strconv.Atoi(digits); err == nil {
			numbers = append(numbers, i)
		}
	}
	return sortedSet(numbers)
}

// work calls f for 0 … n-1, as many at a time as the machine of CI has processors.
func work(t *testing.T, n int, f func(worker, i int)) {
	t.Helper()
	var wg sync.WaitGroup
	const workers = 2
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && !t.Failed(); i += workers {
				f(w, i)
			}
		})
	}
	wg.Wait()
}
