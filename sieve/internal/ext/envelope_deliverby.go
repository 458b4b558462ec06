package ext

import (
	"strconv"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// A message without a time to be delivered by has none of these parts. The
// absolute time is in the zone of this machine, in the form that currentdate
// calls iso8601, so that the two can be compared.
var _ = engine.Register(&engine.Extension{
	Name: "envelope-deliverby", Spec: "RFC 6009 section 4",
	EnvelopeParts: []engine.EnvelopePart{
		{Name: "bytimeabsolute", Values: ofDeliverBy(func(r *engine.Run, by *message.DeliverBy) string {
			return by.Time.In(r.Now().Location()).Format("2006-01-02T15:04:05-07:00")
		})},
		{Name: "bytimerelative", Values: ofDeliverBy(func(r *engine.Run, by *message.DeliverBy) string {
			return strconv.FormatInt(int64(by.Time.Sub(r.Now())/time.Second), 10)
		})},
		{Name: "bymode", Values: ofDeliverBy(func(_ *engine.Run, by *message.DeliverBy) string {
			if by.Return {
				return "return"
			}
			return "notify"
		})},
		{Name: "bytrace", Values: ofDeliverBy(func(_ *engine.Run, by *message.DeliverBy) string {
			return strconv.FormatBool(by.Trace)
		})},
	},
})

// ofDeliverBy gives one value where the message has a time to be delivered by.
func ofDeliverBy(value func(*engine.Run, *message.DeliverBy) string) func(*engine.Run, *message.Envelope) []string {
	return func(r *engine.Run, e *message.Envelope) []string {
		if e.By == nil {
			return nil
		}
		return []string{value(r, e.By)}
	}
}
