package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// notify sends a notification to each of its recipients on its own, so that one
// bad address does not keep it from the others. What fails is only logged: a
// notification never changes what becomes of the message.
func (x *Executor) notify(ctx context.Context, j *Job, a *action.Notify) {
	if x.Sender == nil {
		j.warn(errors.New("notify: no [submission] is configured to send mail by"))
		return
	}
	m, sent := x.notification(a), false
	for _, r := range a.To {
		if err := x.Sender.Send(ctx, a.From, []string{r.Address}, m); err != nil {
			j.warn(fmt.Errorf("failed to send notification to %s: %w", r.Address, err))
			continue
		}
		j.Outcome.Notified = append(j.Outcome.Notified, r.Address)
		sent = true
	}
	if sent && a.Copy != nil {
		x.storeCopy(ctx, j, a.Copy, m)
	}
}

// notification is the notification's mail as it goes out.
func (x *Executor) notification(a *action.Notify) *message.Message {
	fields := []message.Field{
		message.RawField(headerSieve, "dovetail"),
		message.RawField("Message-ID", x.messageID()),
		message.RawField("Date", x.Now().Format(time.RFC1123Z)),
	}
	for _, name := range []string{"To", "Cc"} {
		var list []string
		for _, r := range a.To {
			if r.Cc == (name == "Cc") {
				list = append(list, message.FormatMailbox(r.Name, r.Address))
			}
		}
		if list != nil {
			fields = append(fields, message.RawField(name, strings.Join(list, ", ")))
		}
	}
	return a.Message.Prepend(fields...)
}
