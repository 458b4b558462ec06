package ext

import (
	"errors"
	"math"
	"unicode/utf8"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "extracttext", Spec: "RFC 5703 section 7", Needs: []string{"variables", "foreverypart"},
	Commands: []engine.Command{{
		Name: "extracttext", Modifiers: true, Check: checkExtracttext, Op: compileExtracttext,
		Params: []engine.Param{{Name: "varname", Kind: engine.String, Raw: true}},
		Tags:   []engine.Tag{{Name: "first", Param: &engine.Param{Name: "number", Kind: engine.Number}}},
	}},
})

// maxExtracted bounds the bytes taken from a part, before the variable's own limit.
const maxExtracted = 1 << 20

func checkExtracttext(c *engine.Call) error {
	for p := c.Parent; p != nil; p = p.Parent {
		if p.Command.Name == "foreverypart" {
			return nil
		}
	}
	return errors.New("the extracttext command is not placed inside a foreverypart loop")
}

// compileExtracttext puts the text of the part into a variable: nothing of a part
// that is no text, and of HTML the text without its markup.
func compileExtracttext(c *engine.Call) (engine.Op, error) {
	if !c.Has("variables") {
		return nil, nil // reported for the whole script
	}
	name, _ := c.Str(0).Const()
	v, err := c.Variable(name)
	if err != nil {
		return nil, c.Errorf(c.ArgPos(0), "%w", err)
	}
	first := uint64(math.MaxUint64)
	if t := c.Tag("first"); t != nil {
		first = t.Num()
	}
	modify := c.Modify()
	return func(r *engine.Run) error {
		text := ""
		if p := r.Part(); p.IsText() && p.HasBody() {
			var err error
			if text, _, err = p.Text(maxExtracted); err != nil {
				r.Warn(c.Pos, "extracttext: the part is broken: %v", err)
			}
		}
		v.Set(r, modify(r, firstCharacters(engine.CRLF(text), first)))
		return nil
	}, nil
}

// firstCharacters gives the first n characters of s.
func firstCharacters(s string, n uint64) string {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return s[:at]
}
