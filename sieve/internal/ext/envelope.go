package ext

import (
	"slices"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "envelope", Spec: "RFC 5228 section 5.4",
	Commands: []engine.Command{{
		Name: "envelope", Match: true, AddressPart: true, Check: checkEnvelope, Test: compileEnvelope,
		Params: []engine.Param{
			{Name: "envelope part", Kind: engine.StringList},
			{Name: "key list", Kind: engine.StringList},
		},
	}},
})

// envelopeParts are the parts that the test knows: those of RFC 5228, and the
// identity of the sender's authentication.
var envelopeParts = []string{"from", "to", "auth"}

// checkEnvelope looks at the constant parts. One of another extension is no
// address, and has no part of one.
func checkEnvelope(c *engine.Call) error {
	for _, s := range c.Strs(0) {
		name, known := s.Const()
		if !known || slices.Contains(envelopeParts, strings.ToLower(name)) {
			continue
		}
		if c.EnvelopePart(name) == nil {
			return c.Errorf(s.Pos, "specified envelope part '%s' is not supported by the envelope test", name)
		}
		if c.TagOf("ADDRESS-PART") != nil {
			return c.Errorf(s.Pos, "the envelope part '%s' is no address: the envelope test can have no address part with it", name)
		}
	}
	return nil
}

func compileEnvelope(c *engine.Call) (engine.Cond, error) {
	names, m, part := c.Strs(0), c.Matcher(), c.AddressPart()
	return func(r *engine.Run) (bool, error) {
		env := r.Env().Envelope
		if env == nil {
			return false, r.Fail(c.Pos, "envelope test: there is no envelope here")
		}
		x := m.Begin(r)
		for _, s := range names {
			if err := matchEnvelope(r, c, &x, part, env, strings.ToLower(s.Eval(r))); err != nil {
				return x.End(err)
			}
		}
		return x.End(nil)
	}, nil
}

// matchEnvelope matches one part of the envelope. The null sender is the empty
// string for every address part (RFC 5228 section 5.4).
func matchEnvelope(
	r *engine.Run, c *engine.Call, x *engine.Matching, part *engine.AddressPart, env *message.Envelope, name string,
) error {
	path := ""
	switch name {
	case "from":
		path = env.From
	case "to":
		if path = env.To; path == "" {
			return nil // only a sender can be nobody
		}
	case "auth":
		if env.Auth == "" {
			return nil
		}
		return x.Value(env.Auth)
	default:
		if other := r.EnvelopePart(name); other != nil {
			for _, v := range other.Values(r, c, env) {
				if err := x.Value(v); err != nil {
					return err
				}
			}
		}
		return nil
	}
	a, err := message.ParsePath(path)
	if err != nil {
		return nil // an address that cannot be read matches nothing
	}
	if a.Local == "" {
		return x.Value("")
	}
	address := engine.NewAddress(a)
	if v, ok := part.Part(r, &address); ok {
		return x.Value(v)
	}
	return nil
}
