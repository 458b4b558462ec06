package engine

import (
	"strings"

	"dovetail/internal/message"
)

// Structure gives the MIME structure of the message as it is now. That it is not
// whole is logged once.
func (r *Run) Structure() *message.Structure {
	s := r.msg.Structure()
	if s.Limit != nil && !r.limited {
		r.limited = true
		r.LogError(r.pos, "the message is not taken apart completely: %v", s.Limit)
	}
	return s
}

// Part gives the MIME part that a loop over parts has reached; outside of loops
// the message itself.
func (r *Run) Part() *message.Part {
	if r.part == nil {
		return r.Structure().Root
	}
	return r.part
}

// InParts tells whether the script is in a loop over parts.
func (r *Run) InParts() bool { return r.part != nil }

// AtPart runs f with p as the part that a loop has reached.
func (r *Run) AtPart(p *message.Part, f func() error) error {
	outer := r.part
	r.part = p
	err := f()
	r.part = outer
	return err
}

// PartNow gives the part that stands where p stood, after the message may have
// been edited; false when there is none, or when it is another message now.
func (r *Run) PartNow(p *message.Part) (*message.Part, bool) {
	now := r.msg.Find(p)
	return now, now != nil
}

// PartFields gives the header fields of a name (in any case) of a part. Those of
// the message itself are as edited so far.
func (r *Run) PartFields(p *message.Part, name string) ([]*Field, error) {
	if p.Parent == nil {
		return headerFields(r, name)
	}
	var list []*Field
	for f := range p.Header(name) {
		list = append(list, &Field{Field: f})
	}
	return list, r.Spend(64 + 16*len(p.Fields()))
}

// WithoutCaptures runs a test whose matches set no match variables.
func (r *Run) WithoutCaptures(test Cond) (bool, error) {
	before := r.captured
	ok, err := test(r)
	r.captured = before
	return ok, err
}

// CRLF gives text of a message with the line ends that a script's multi-line
// strings have (RFC 5228 section 2.4.2).
func CRLF(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	if strings.Contains(text, "\r\n") {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}
