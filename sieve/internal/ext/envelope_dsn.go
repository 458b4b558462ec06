package ext

import (
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "envelope-dsn", Spec: "RFC 6009 section 3",
	EnvelopeParts: []engine.EnvelopePart{
		// Each of the conditions is a value, so that :count tells how many there are.
		{Name: "notify", Values: func(_ *engine.Run, e *message.Envelope) []string {
			return strings.FieldsFunc(e.Notify, func(r rune) bool { return r == ',' })
		}},
		{Name: "orcpt", Values: func(_ *engine.Run, e *message.Envelope) []string { return given(e.ORcpt) }},
		{Name: "ret", Values: func(_ *engine.Run, e *message.Envelope) []string { return given(e.Ret) }},
		{Name: "envid", Values: func(_ *engine.Run, e *message.Envelope) []string { return given(e.EnvID) }},
	},
})

// given makes a list of a value; what is empty was not given, and never matches.
func given(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}
