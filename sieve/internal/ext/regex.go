package ext

import (
	"errors"
	"fmt"
	"strings"

	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/ere"
)

var _ = engine.Register(&engine.Extension{
	Name: "regex", Spec: "draft-ietf-sieve-regex-01",
	MatchTypes: []engine.MatchType{{
		Name: "regex",
		Check: func(_ *engine.Call, u *engine.MatchUse) error {
			if u.Comparator.Name != "i;octet" && u.Comparator.Name != "i;ascii-casemap" {
				return errors.New("regex match type only supports i;octet and i;ascii-casemap comparators")
			}
			return nil
		},
		Key: compileRegex,
	}},
	Modifiers: []engine.Modifier{{Name: "quoteregex", Precedence: 20, Apply: quoteRegex}},
})

// longMatch is the work of a match, as ere.Regexp.Size has it, from which on it
// is done in the slower way that the time limit can end.
const longMatch = 1 << 25

// maxRegexes bounds the expressions of a script and of those that it includes, or
// those that are made in a run, together: by ere.Regexp.Cost.
const maxRegexes = 1_000_000

var regexes = engine.NewState(func() *int { return new(int) })

// compileRegex compiles a POSIX extended regular expression (draft section 3).
func compileRegex(h engine.Holder, u *engine.MatchUse, key string) (engine.KeyMatcher, error) {
	if c, ok := h.(*engine.Compiler); ok {
		h, _ = c.Outermost()
	}
	total := regexes.Of(h)
	if *total > maxRegexes {
		return nil, errors.New("the regular expressions are too large together")
	}
	re, err := ere.Compile(key, ere.Text{
		Fold: u.Comparator.Name == "i;ascii-casemap", Prefix: u.Comparator.Prefix, Index: u.Comparator.Index,
	})
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression '%s' for regex match: %w", key, err)
	}
	*total += re.Cost()
	return func(r *engine.Run, value string) bool {
		var until ere.Until
		if work := re.Size() * len(value); work < longMatch {
			_ = r.Spend(work) // the engine tells of the error
		} else {
			until = func() bool { return r.Spend(re.Size()) != nil }
		}
		if !r.WantsCaptures() {
			return re.Match(value, until)
		}
		found := re.Find(value, until)
		if found != nil {
			r.SetCaptured(found)
		}
		return found != nil
	}, nil
}

// quoteRegex protects what has a meaning in an expression (draft section 5).
func quoteRegex(_ *engine.Run, v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if strings.IndexByte(`\.*+?^$|()[]{}`, v[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(v[i])
	}
	return b.String()
}
