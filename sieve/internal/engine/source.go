package engine

import "dovetail/internal/message"

// FieldSource finds header fields by their names (in any case), for the tests
// that look at header fields. Tags on those tests may put another source in
// place: :index takes one field of those, :mime takes those of a MIME part.
type FieldSource func(r *Run, names []string, yield func(message.Field) error) error

// Fields gives the source of header fields for this call.
func (c *Call) Fields() FieldSource {
	if c.fields == nil {
		return headerFields
	}
	return c.fields
}

// WrapFields puts a source made of the present one in its place.
func (c *Call) WrapFields(wrap func(FieldSource) FieldSource) { c.fields = wrap(c.Fields()) }

// headerFields gives the fields of the message's header, name by name, first to last.
func headerFields(r *Run, names []string, yield func(message.Field) error) error {
	for _, name := range names {
		for f := range r.msg.Header(name) {
			if err := yield(f); err != nil {
				return err
			}
		}
	}
	return nil
}
