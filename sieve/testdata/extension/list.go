package ext

import (
	"strings"

	"dovetail/sieve/internal/engine"
)

// The test "list" tells whether a message came by a mailing list, by the
// identifier in its List-Id field.
var _ = engine.Register(&engine.Extension{
	Name: "vnd.example.list", Spec: "RFC 2919",
	Commands: []engine.Command{{
		Name:   "list",
		Params: []engine.Param{{Name: "list of identifiers", Kind: engine.StringList}},
		Match:  true,
		Test:   compileList,
	}},
})

func compileList(c *engine.Call) (engine.Cond, error) {
	fields, matcher := c.Fields(), c.Matcher()
	return func(r *engine.Run) (bool, error) {
		list, err := fields(r, "List-Id")
		if err != nil {
			return false, err
		}
		m := matcher.Begin(r)
		for _, f := range list {
			if err = m.Value(listIdentifier(f.Value())); err != nil {
				break // the result is known
			}
		}
		return m.End(err)
	}, nil
}

// listIdentifier gives what stands in angle brackets at the end (RFC 2919 section 3).
func listIdentifier(value string) string {
	_, id, _ := strings.Cut(value, "<")
	id, _, _ = strings.Cut(id, ">")
	return id
}
