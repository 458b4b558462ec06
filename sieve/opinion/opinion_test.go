package opinion

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
)

// shared gives what both this project's engine and another one has.
func shared(d *dovetail, other []string) map[string]bool {
	caps := map[string]bool{}
	for _, name := range d.engine.Capabilities(false) {
		caps[name] = slices.Contains(other, name)
	}
	return caps
}

func sortedSet(list []int) []int {
	slices.Sort(list)
	return slices.Compact(list)
}

// collector gathers disagreements of several workers and sorts the known out.
type collector struct {
	mu    sync.Mutex
	known map[string]int
	bad   int
}

// maxShown disagreements are told of: one cause has many.
const maxShown = 8

func (c *collector) add(t *testing.T, list []difference, found ...*disagreement) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range found {
		if name := recognise(list, d); name != "" {
			c.known[name]++
			continue
		}
		if c.bad++; c.bad <= maxShown {
			t.Logf("the engines disagree:\n%s", d)
		}
	}
}

func (c *collector) report(t *testing.T, pairs int) {
	t.Helper()
	t.Logf("%d pairs; known differences: %v", pairs, c.known)
	if c.bad > 0 {
		t.Errorf("%d disagreements that are not among the known differences", c.bad)
	}
}

// Rules of all kinds hold for dovetail where they hold for Pigeonhole, with the
// same match variables.
func TestRulesAsPigeonhole(t *testing.T) {
	p, d, s := newPigeonhole(t), newDovetail(t), seed(t)
	caps := shared(d, capabilities)
	e := engines{ours: func(script string, m *mail) outcome { return d.run(t, script, m) }, other: p.run}
	c := &collector{known: map[string]int{}}
	batches := amount(t, 10000) / rulesPerBatch
	work(t, batches, func(worker, i int) {
		found, err := e.compareBatch(fmt.Sprintf("rules%d", worker), newBatch(newRandom(s, i), caps))
		if err != nil {
			t.Error(err)
			return
		}
		c.add(t, pigeonholeDifferences, found...)
	})
	c.report(t, batches*rulesPerBatch)
}

// Whole scripts do with dovetail what they do with Pigeonhole.
func TestScriptsAsPigeonhole(t *testing.T) {
	p, d, s := newPigeonhole(t), newDovetail(t), seed(t)
	caps := shared(d, capabilities)
	e := engines{ours: func(script string, m *mail) outcome { return d.run(t, script, m) }, other: p.run}
	c := &collector{known: map[string]int{}}
	scripts := amount(t, 1000)
	work(t, scripts, func(worker, i int) {
		script, m := newScript(newRandom(s+1, i), caps)
		found, err := e.compare(fmt.Sprintf("script%d", worker), script, m)
		if err != nil {
			t.Error(err)
			return
		}
		if found != nil {
			c.add(t, pigeonholeDifferences, found)
		}
	})
	c.report(t, scripts)
}

// Every known difference is one still, and is recognised by its own name.
func TestKnownDifferencesFromPigeonhole(t *testing.T) {
	p, d := newPigeonhole(t), newDovetail(t)
	e := engines{ours: func(script string, m *mail) outcome { return d.run(t, script, m) }, other: p.run}
	checkExamples(t, e, pigeonholeDifferences)
}

func checkExamples(t *testing.T, e engines, list []difference) {
	t.Helper()
	for _, k := range list {
		found, err := e.compare("example", k.script, k.example())
		switch {
		case err != nil:
			t.Errorf("%s: %v", k.name, err)
		case found == nil:
			t.Errorf("%s: the engines agree now: take it from the list and from docs/differences.md", k.name)
		case !k.is(found):
			t.Errorf("%s: its example is not recognised:\n%s", k.name, found)
		}
	}
}

// docs/differences.md explains every known difference under its name, and no others.
func TestDifferencesAreExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n## From Pigeonhole\n"))
	pigeonhole, goSieve, _ := bytes.Cut(text, []byte("\n## From go-sieve\n"))
	for _, part := range []struct {
		text []byte
		list []difference
	}{{pigeonhole, pigeonholeDifferences}, {goSieve, goSieveDifferences}} {
		var explained, known []string
		for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllSubmatch(part.text, -1) {
			explained = append(explained, string(m[1]))
		}
		for _, k := range part.list {
			known = append(known, k.name)
		}
		slices.Sort(explained)
		slices.Sort(known)
		if !slices.Equal(explained, known) {
			t.Errorf("docs/differences.md explains\n%q\nknown are\n%q", explained, known)
		}
	}
}
