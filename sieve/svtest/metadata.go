package svtest

import (
	"context"
	"strings"

	"dovetail/sieve/internal/engine"
)

// annotations are the annotations of mailboxes, and under the empty name of the
// server, in memory.
type annotations map[string]map[string]string

func (a annotations) Annotation(_ context.Context, box, name string) (string, bool, error) {
	if box != "" {
		box = canonical(box)
	}
	value, ok := a[box][name]
	return value, ok, nil
}

func (s *suite) testMetadataSet(r *engine.Run, c *engine.Call) error {
	box := ""
	if t := c.Tag("mailbox"); t != nil {
		box = canonical(t.Str().Eval(r))
	}
	name := c.Str(0).Eval(r)
	if err := engine.CheckAnnotation(name); err != nil {
		return s.fail("invalid annotation name `%s' specified: %v", name, err)
	}
	if s.annotations[box] == nil {
		s.annotations[box] = map[string]string{}
	}
	s.annotations[box][strings.ToLower(name)] = c.Str(1).Eval(r)
	return nil
}
