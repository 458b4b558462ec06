package ext

import (
	"strconv"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// A message without a time to be delivered by has none of these parts.
var _ = engine.Register(&engine.Extension{
	Name: "envelope-deliverby", Spec: "RFC 6009 section 5",
	Tags: []engine.Tag{engine.ZoneTag("envelope")},
	EnvelopeParts: []engine.EnvelopePart{
		{Name: "bytimeabsolute", Values: ofDeliverBy(func(r *engine.Run, c *engine.Call, by *message.DeliverBy) string {
			return by.Time.In(c.Zone(r)).Format(time.RFC3339) // which writes UTC as Z
		})},
		{Name: "bytimerelative", Values: ofDeliverBy(func(r *engine.Run, _ *engine.Call, by *message.DeliverBy) string {
			return strconv.FormatInt(int64(by.Time.Sub(r.Now())/time.Second), 10)
		})},
		{Name: "bymode", Values: ofDeliverBy(func(_ *engine.Run, _ *engine.Call, by *message.DeliverBy) string {
			if by.Return {
				return "return"
			}
			return "notify"
		})},
		{Name: "bytrace", Values: ofDeliverBy(func(_ *engine.Run, _ *engine.Call, by *message.DeliverBy) string {
			if by.Trace {
				return "trace"
			}
			return ""
		})},
	},
})

// ofDeliverBy gives one value where the message has a time to be delivered by.
func ofDeliverBy(
	value func(*engine.Run, *engine.Call, *message.DeliverBy) string,
) func(*engine.Run, *engine.Call, *message.Envelope) []string {
	return func(r *engine.Run, c *engine.Call, e *message.Envelope) []string {
		if e.By == nil {
			return nil
		}
		return []string{value(r, c, e.By)}
	}
}
