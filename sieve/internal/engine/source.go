package engine

import (
	"strings"

	"dovetail/internal/message"
)

// Field is a header field as tests look at it: what they need is worked out
// once per run, however many tests ask.
type Field struct {
	message.Field
	value, decoded string
	addresses      []Address
	listed         bool
	known          known
}

// known tells what of a Field is worked out.
type known uint8

const (
	knownValue known = 1 << iota
	knownDecoded
	knownAddresses
)

// FieldOf makes a Field of a value that was taken out of another one: it has no
// encoded words.
func FieldOf(value string) *Field {
	return &Field{value: value, decoded: value, known: knownValue | knownDecoded}
}

// Value gives the unfolded text of the field.
func (f *Field) Value() string {
	if f.known&knownValue == 0 {
		f.value, f.known = f.Field.Value(), f.known|knownValue
	}
	return f.value
}

// Decoded gives Value with its encoded words (RFC 2047) as UTF-8.
func (f *Field) Decoded() string {
	if f.known&knownDecoded == 0 {
		f.decoded, f.known = message.DecodeWords(f.Value()), f.known|knownDecoded
	}
	return f.decoded
}

// Addresses gives the usable addresses of the field's text, and whether there
// was anything like an address at all.
func (f *Field) Addresses() (usable []Address, listed bool) {
	if f.known&knownAddresses == 0 {
		f.known |= knownAddresses
		found := message.ParseAddresses(f.Value())
		f.addresses = make([]Address, 0, len(found))
		for _, a := range found {
			f.listed = true
			if a.IsMailbox() {
				f.addresses = append(f.addresses, NewAddress(a))
			}
		}
	}
	return f.addresses, f.listed
}

// Address is an address as tests look at it.
type Address struct{ Full, Local, Domain string }

// NewAddress makes an Address.
func NewAddress(a message.Address) Address {
	return Address{Full: a.String(), Local: a.Local, Domain: a.Domain}
}

// FieldSource finds the header fields of a name (in any case), for the tests
// that look at header fields. Tags on those tests may put another source in
// place: :index takes one field of those, :mime takes those of MIME parts. The
// slice must not be changed.
type FieldSource func(r *Run, name string) ([]*Field, error)

// Fields gives the source of header fields for this call.
func (c *Call) Fields() FieldSource {
	if c.extra == nil || c.extra.fields == nil {
		return headerFields
	}
	return c.extra.fields
}

// WrapFields puts a source made of the present one in its place.
func (c *Call) WrapFields(wrap func(FieldSource) FieldSource) { c.more().fields = wrap(c.Fields()) }

// manyFields is how many fields a run keeps before it takes care to keep none of
// them twice, for names in different spellings.
const manyFields = 1000

// headerFields gives the fields of the message's header, first to last. They
// are looked for once per name and message.
func headerFields(r *Run, name string) ([]*Field, error) {
	if r.fieldsOf != r.msg {
		if r.fieldsOf == nil && r.msg.HeaderCut() {
			r.LogError(r.pos, "the header is too large; only the first %d bytes are looked at, or %d lines",
				message.MaxHeader, message.MaxHeaderLines)
		}
		r.fieldsOf, r.fields, r.held = r.msg, map[string][]*Field{}, 0
	}
	if list, ok := r.fields[name]; ok {
		return list, r.Spend(64)
	}
	if r.held > manyFields { // once for all spellings
		name = strings.ToLower(name)
	}
	list, ok := r.fields[name]
	if !ok {
		for f := range r.msg.Header(name) {
			list = append(list, &Field{Field: f})
		}
		r.fields[name] = list
		r.held += len(list)
	}
	return list, r.Spend(64 + 16*len(r.msg.Fields()))
}
