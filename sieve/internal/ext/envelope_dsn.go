package ext

import (
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "envelope-dsn", Spec: "RFC 6009 section 4",
	EnvelopeParts: []engine.EnvelopePart{
		// Each of the conditions is a value, so that :count tells how many there are.
		{Name: "notify", Values: func(_ *engine.Run, _ *engine.Call, e *message.Envelope) []string {
			return strings.FieldsFunc(e.Notify, func(r rune) bool { return r == ',' })
		}},
		{Name: "orcpt", Values: given(func(e *message.Envelope) string { return e.ORcpt })},
		{Name: "ret", Values: given(func(e *message.Envelope) string { return e.Ret })},
		{Name: "envid", Values: given(func(e *message.Envelope) string { return e.EnvID })},
	},
})

// given gives a parameter as the one value; an empty one was not given, and never matches.
func given(parameter func(*message.Envelope) string) func(*engine.Run, *engine.Call, *message.Envelope) []string {
	return func(_ *engine.Run, _ *engine.Call, e *message.Envelope) []string {
		if v := parameter(e); v != "" {
			return []string{v}
		}
		return nil
	}
}
