package delivery

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// maxLogged bounds the bytes of what a message says in a line of the log: a hostile
// header has megabytes, for each of a thousand recipients. It is Dovecot's bound.
const maxLogged = 200

// logOutcome writes the one line that the mail log has of a recipient. Its keys
// are an interface: session, id, msgid, from, to, user, mailbox, sent, answered,
// notified, decided, outcome, ms, error.
func (d *Deliverer) logOutcome(c *copyFor, m *message.Message, took time.Duration) {
	o := &c.job.Outcome
	msgid, _ := m.Get("Message-ID")
	attrs := []slog.Attr{
		slog.String("session", c.tx.ID), slog.String("id", c.rcpt.ID), slog.String("msgid", msgid[:min(len(msgid), maxLogged)]),
		slog.String("from", c.tx.From), slog.String("to", c.rcpt.Address), slog.String("user", c.rcpt.User.Name),
	}
	for _, list := range []struct {
		key    string
		values []string
	}{{"mailbox", o.Stored}, {"sent", o.Sent}, {"answered", o.Answered}, {"notified", o.Notified}} {
		if len(list.values) > 0 {
			attrs = append(attrs, slog.String(list.key, strings.Join(list.values, ", ")))
		}
	}
	if c.decided != "" {
		attrs = append(attrs, slog.String("decided", c.decided))
	}
	attrs = append(attrs, slog.String("outcome", o.name()), slog.Float64("ms", float64(took.Microseconds())/1000))
	level := slog.LevelInfo
	if faults := errors.Join(append(append([]error{o.Err}, o.Failures...), o.Warnings...)...); faults != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("error", strings.ReplaceAll(faults.Error(), "\n", "; ")))
	}
	if o.Err != nil && !mailerr.IsPermanent(o.Err) {
		level = slog.LevelError
	}
	d.Log.LogAttrs(context.Background(), level, "delivery", attrs...)
}

// name is the outcome in one word.
func (o *Outcome) name() string {
	switch {
	case o.Rejected:
		return "rejected"
	case o.Err != nil && mailerr.IsPermanent(o.Err):
		return "refused"
	case o.Err != nil:
		return "deferred"
	case len(o.Stored) > 0:
		return "stored"
	case len(o.Sent) > 0:
		return "sent"
	}
	return "discarded"
}
