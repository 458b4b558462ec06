package ext

import (
	"errors"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// The tags of RFC 5703 section 4 put another source of header fields under the
// tests header, address and exists: the part that a loop has reached (outside of
// loops the message), with :anychild all that are in it, too.
var _ = engine.Register(&engine.Extension{
	Name: "mime", Spec: "RFC 5703 section 4",
	Tags: []engine.Tag{
		{Name: "mime", On: []string{"header", "address", "exists"}, Late: applyMime},
		{Name: "anychild", On: []string{"header", "address", "exists"}, Late: needsMime},
		{Name: "type", On: []string{"header"}, Group: mimeOption, Late: needsMime},
		{Name: "subtype", On: []string{"header"}, Group: mimeOption, Late: needsMime},
		{Name: "contenttype", On: []string{"header"}, Group: mimeOption, Late: needsMime},
		{
			Name: "param", On: []string{"header"}, Group: mimeOption, Late: needsMime,
			Param: &engine.Param{Name: "param-list", Kind: engine.StringList},
		},
	},
})

// mimeOption excludes two of the tags that take a field's value apart.
const mimeOption = "MIME-OPTS"

func needsMime(c *engine.Call, t *engine.TagUse) error {
	if c.Tag("mime") == nil {
		return errors.New("the :" + t.Tag.Name + " tag can only be specified when the :mime tag is specified as well")
	}
	return nil
}

func applyMime(c *engine.Call, _ *engine.TagUse) error {
	anychild := c.Tag("anychild") != nil
	option := mimeOptionOf(c)
	c.WrapFields(func(engine.FieldSource) engine.FieldSource {
		return func(r *engine.Run, name string) ([]*engine.Field, error) {
			var found []*engine.Field
			for p := range r.Part().All() {
				fields, err := r.PartFields(p, name)
				if err != nil {
					return nil, err
				}
				for _, f := range fields {
					values, err := option(r, f)
					if err != nil {
						return nil, err
					}
					found = append(found, values...)
				}
				if !anychild {
					break
				}
			}
			return found, nil
		}
	})
	return nil
}

// mimeOptionOf gives what the option of a call makes of a field: its values.
func mimeOptionOf(c *engine.Call) func(*engine.Run, *engine.Field) ([]*engine.Field, error) {
	t := c.TagOf(mimeOption)
	if t == nil {
		return func(_ *engine.Run, f *engine.Field) ([]*engine.Field, error) { return []*engine.Field{f}, nil }
	}
	if t.Tag.Name == "param" {
		names := t.Strs()
		return func(r *engine.Run, f *engine.Field) ([]*engine.Field, error) { return mimeParams(r, f, names.Eval(r)) }
	}
	return func(r *engine.Run, f *engine.Field) ([]*engine.Field, error) {
		return []*engine.Field{engine.FieldOf(mimeType(f, t.Tag.Name))}, r.Spend(16 * len(f.Value()))
	}
}

// mimeType gives the type or a part of it; of other fields than Content-Type and
// Content-Disposition nothing (RFC 5703 section 4.1).
func mimeType(f *engine.Field, option string) string {
	disposition := strings.EqualFold(f.Name, "Content-Disposition")
	if !disposition && !strings.EqualFold(f.Name, "Content-Type") {
		return ""
	}
	media := message.ParseMediaType(f.Decoded())
	typ, subtype := media.Parts()
	switch {
	case option == "contenttype":
		return media.Type
	case option == "type":
		return typ
	case disposition:
		return ""
	}
	return subtype
}

// mimeParams gives the values of the parameters that there are among names.
func mimeParams(r *engine.Run, f *engine.Field, names []string) ([]*engine.Field, error) {
	media := message.ParseMediaType(f.Decoded())
	var values []*engine.Field
	for _, name := range names {
		if err := r.Spend(64 + len(f.Value())); err != nil {
			return nil, err
		}
		if v, ok := media.Param(name); ok {
			values = append(values, engine.FieldOf(v))
		}
	}
	return values, nil
}
