package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"dovetail/learn/bulk"
)

// Of many messages that cannot be read the first are told, and how many more there are.
func TestBulkProblems(t *testing.T) {
	for _, c := range []struct {
		n, lines int
		last     string
	}{{0, 0, ""}, {maxProblemsTold, maxProblemsTold, "a  [31m: no"}, {maxProblemsTold + 5, maxProblemsTold + 1, "5 more messages cannot be read"}} {
		var said strings.Builder
		out := &bulkOutput{w: io.Discard, errors: &said, start: time.Now()}
		for range c.n {
			out.problem(errors.New("a\n\x1b[31m: no"))
		}
		if err := out.end(&bulk.Summary{}, nil); err != nil {
			t.Error(err)
		}
		lines := strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n")
		if last := lines[len(lines)-1]; strings.Count(said.String(), "\n") != c.lines || last != c.last {
			t.Errorf("%d problems: %d lines, the last %q", c.n, len(lines), last)
		}
	}
}
