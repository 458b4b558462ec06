package ext

import (
	"errors"
	"io"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "body", Spec: "RFC 5173",
	Commands: []engine.Command{{
		Name: "body", Match: true, Test: compileBody,
		Params: []engine.Param{{Name: "key list", Kind: engine.StringList}},
		Tags: []engine.Tag{
			{Name: "raw", Group: bodyTransform},
			{Name: "text", Group: bodyTransform},
			{Name: "content", Group: bodyTransform, Param: &engine.Param{Name: "content types", Kind: engine.StringList}},
		},
	}},
})

const (
	bodyTransform = "body transform"
	// maxBody bounds the bytes that each transform gives to be looked at.
	maxBody = 16 << 20
)

// compileBody matches what a transform makes of the body, :text by default (RFC
// 5173 section 5). Its matches set no match variables (section 6).
func compileBody(c *engine.Call) (engine.Cond, error) {
	m, values := c.Matcher(), bodyText
	switch t := c.TagOf(bodyTransform); {
	case t == nil || t.Tag.Name == "text":
	case t.Tag.Name == "raw":
		values = bodyRaw
	default:
		types := t.Strs()
		values = func(r *engine.Run, v *bodyValues) []string { return bodyContent(r, v, types.Eval(r)) }
	}
	test := func(r *engine.Run) (bool, error) {
		x := m.Begin(r)
		for _, v := range values(r, valuesOf(r)) {
			if err := x.Value(v); err != nil {
				return x.End(err)
			}
		}
		return x.End(nil)
	}
	return func(r *engine.Run) (bool, error) { return r.WithoutCaptures(test) }, nil
}

// bodyValues are the values of one message, once they were asked for.
type bodyValues struct {
	of       *message.Message
	raw      []string
	text     []string
	contents map[*message.Part][]string
	held     int  // bytes in contents
	cut      bool // that the limit was passed is logged
}

var bodies = engine.NewState(func() *bodyValues { return &bodyValues{} })

func valuesOf(r *engine.Run) *bodyValues {
	v := bodies.Of(r)
	if v.of != r.Message() {
		*v = bodyValues{of: r.Message(), contents: map[*message.Part][]string{}}
	}
	return v
}

// read reads one value, of size bytes about.
func (v *bodyValues) read(r *engine.Run, in io.Reader, limit int, size int64) string {
	s, whole, err := message.ReadSized(in, limit, size)
	v.check(r, whole, err)
	return engine.CRLF(s)
}

// check logs, once per message, that a value is not whole.
func (v *bodyValues) check(r *engine.Run, whole bool, err error) {
	switch {
	case v.cut:
	case !whole:
		v.cut = true
		r.LogError(r.Pos(), "body test: the body is too large; only the first %d bytes are looked at", maxBody)
	case err != nil && !errors.Is(err, message.ErrEncoding):
		v.cut = true
		r.Warn(r.Pos(), "body test: a part is broken: %v", err)
	}
}

// bodyRaw gives the body as it stands; none when there is no empty line behind
// the header (RFC 5173 section 4).
func bodyRaw(r *engine.Run, v *bodyValues) []string {
	if v.raw == nil && r.Structure().Root.HasBody() {
		v.raw = []string{v.read(r, r.Message().OpenBody(), maxBody, r.Message().BodySize())}
	}
	return v.raw
}

// bodyText gives the text of each text part (RFC 5173 section 5.3).
func bodyText(r *engine.Run, v *bodyValues) []string {
	if v.text != nil {
		return v.text
	}
	v.text = []string{}
	left := maxBody
	for p := range r.Structure().Root.All() {
		if !p.HasBody() || !p.IsText() {
			continue
		}
		s, whole, err := p.Text(left)
		v.check(r, whole, err)
		if !errors.Is(err, message.ErrEncoding) {
			v.text = append(v.text, engine.CRLF(s))
		}
		left -= len(s)
	}
	return v.text
}

// bodyContent gives the content of each part of the types (RFC 5173 section 5.2).
func bodyContent(r *engine.Run, v *bodyValues, types []string) []string {
	var values []string
	for p := range r.Structure().Root.All() {
		if r.Spend(16*len(types)) != nil {
			break // the run is over
		}
		if !p.HasBody() || !wantsType(types, p.Media().Type) {
			continue
		}
		s, ok := v.contents[p]
		if !ok {
			s = v.partContent(r, p)
			v.contents[p] = s
			for _, c := range s {
				v.held += len(c)
			}
		}
		values = append(values, s...)
	}
	return values
}

// wantsType tells whether a content type is one of those wanted: the empty
// string is all of them, a word without a slash all of that type.
func wantsType(types []string, have string) bool {
	typ, _, _ := strings.Cut(have, "/")
	for _, t := range types {
		if t == "" || strings.EqualFold(t, have) || strings.EqualFold(t, typ) && typ != "" {
			return true
		}
	}
	return false
}

// partContent gives what is searched of a part: of a multipart what is before
// and behind its parts, of a message its header, of others the decoded content.
func (v *bodyValues) partContent(r *engine.Run, p *message.Part) []string {
	left := max(maxBody-v.held, 0)
	switch {
	case len(p.Children) > 0 && !p.IsMultipart():
		return []string{engine.CRLF(p.Children[0].HeaderText())}
	case p.IsMultipart():
		values := []string{v.read(r, p.OpenPrologue(), left, 0)}
		if e, ok := p.OpenEpilogue(); ok {
			values = append(values, v.read(r, e, left, 0))
		}
		return values
	}
	in, err := p.Open()
	if err != nil {
		return nil
	}
	return []string{v.read(r, in, left, p.Size())}
}
