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
// speaks of one name).
func pickField(c *engine.Call, t *engine.TagUse) error {
	names, last, index := c.Strs(0), c.Tag("last") != nil, t.Num()
	c.WrapFields(func(inner engine.FieldSource) engine.FieldSource {
		return func(r *engine.Run, name string) ([]*engine.Field, error) {
			var all []*engine.Field
			from, to := 0, 0 // where those of name are among all
			for _, s := range names {
				n := s.Eval(r)
				list, err := inner(r, n)
				if err != nil {
					return nil, err
				}
				if to == 0 && strings.EqualFold(n, name) {
					from, to = len(all), len(all)+len(list)
				}
				all = append(all, list...)
			}
			if index > uint64(len(all)) {
				return nil, nil
			}
			at := int(index) - 1
			if last {
				at = len(all) - int(index)
			}
			if at < from || at >= to {
				return nil, nil
			}
			return all[at : at+1], nil
		}
	})
	return nil
}
