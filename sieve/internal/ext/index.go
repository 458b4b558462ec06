package ext

import (
	"errors"
	"strings"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "index", Spec: "RFC 5260 section 6",
	Tags: []engine.Tag{
		{
			Name: "index", On: []string{"header", "address", "date"},
			Param: &engine.Param{Name: "fieldno", Kind: engine.Number},
			Apply: checkFieldno, Late: pickField,
		},
		{Name: "last", On: []string{"header", "address", "date"}, Late: checkLast},
	},
})

func checkFieldno(_ *engine.Call, t *engine.TagUse) error {
	if t.Num() == 0 {
		return errors.New("the :index tag counts from 1")
	}
	return nil
}

func checkLast(c *engine.Call, _ *engine.TagUse) error {
	if c.Tag("index") == nil {
		return errors.New("the :last tag cannot be specified without the :index tag")
	}
	return nil
}

// pickField leaves the test one of the fields that it names, counted from the
// first or from the last. Where it names several, the fields of the first name
// are followed by those of the second, and so on (Pigeonhole's reading; the RFC
// speaks of one name). A name given twice counts once.
func pickField(c *engine.Call, t *engine.TagUse) error {
	names, last, index := c.Strs(0), c.Tag("last") != nil, t.Num()
	c.WrapFields(func(inner engine.FieldSource) engine.FieldSource {
		return func(r *engine.Run, name string) ([]*engine.Field, error) {
			var mine []*engine.Field
			before, total := uint64(0), uint64(0) // fields before those of name, and of all names
			seen := make(map[string]bool, len(names))
			for _, s := range names {
				n := s.Eval(r)
				if seen[strings.ToLower(n)] {
					continue
				}
				seen[strings.ToLower(n)] = true
				list, err := inner(r, n)
				if err != nil {
					return nil, err
				}
				if strings.EqualFold(n, name) {
					mine, before = list, total
				}
				total += uint64(len(list))
			}
			at := index // from 1
			if last {
				at = total + 1 - index // 0 or beyond total when there are not so many
			}
			if at <= before || at-before > uint64(len(mine)) {
				return nil, nil
			}
			return mine[at-before-1 : at-before], nil
		}
	})
	return nil
}
