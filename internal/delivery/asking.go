package delivery

import (
	"context"
	"fmt"
	"time"

	"dovetail/internal/message"
	"dovetail/internal/submission"
	"dovetail/sieve/action"
)

// asking is a Sender that can ask the MTA for something.
type asking interface {
	SendAsking(ctx context.Context, from string, to []string, m *message.Message, ask submission.Request) (submission.Taken, error)
}

// sendRedirect hands a redirected message to the MTA, with what the script wants
// to be asked of it. The one who asks is the user, who so is the sender (RFC 6009
// sections 6.1 and 7.1) and gets the notifications; what the message came with
// asks for nothing any more (RFC 3461 section 5.2.7.1).
func (x *Executor) sendRedirect(ctx context.Context, j *Job, a *action.Redirect) error {
	from, m := x.redirectSender(j), x.redirected(j, a.Message)
	ask := submission.Request{Notify: a.Notify, Ret: a.Ret, By: a.By}
	s, able := x.Sender.(asking)
	if ask == (submission.Request{}) || !able {
		return x.send(ctx, from, a.Address, m)
	}
	if from != "" {
		from = j.self()
	}
	taken, err := s.SendAsking(ctx, from, []string{a.Address}, m, ask)
	if err != nil {
		return err
	}
	if !taken.DSN && (a.Notify != "" || a.Ret != "") { // no error: RFC 6009 section 6
		j.warn(fmt.Errorf("redirect to %s: the MTA takes no request for notifications", a.Address))
	}
	if a.By != nil && from != "" && a.Notify != "NEVER" && (a.By.Trace || !taken.By && x.Now().Before(a.By.Time)) {
		if err := x.Sender.Send(ctx, "", []string{from}, x.relayed(j, a, taken)); err != nil {
			j.warn(fmt.Errorf("redirect to %s: telling %s that it was sent on: %w", a.Address, from, err))
		}
	}
	return nil
}

// relayed is the notification (RFC 3464) that a message with a time was sent on
// to where that is not known, or that its way is to be traced (RFC 2852 section 4.1.4).
func (x *Executor) relayed(j *Job, a *action.Redirect, taken submission.Taken) *message.Message {
	text := "Your Sieve script redirected a message to <" + a.Address + ">. The mail server "
	if taken.By {
		text += "was told when it is to be delivered by.\n"
	} else {
		text += "does not know\nof times that messages are to be delivered by.\n"
	}
	return x.report(j.self(), "Redirected message sent on", "auto-generated", "delivery-status", [][2]string{
		{"text/plain; charset=utf-8", text},
		{"message/delivery-status", fmt.Sprintf(
			"Reporting-MTA: dns; %s\nArrival-Date: %s\nDeliver-by-date: %s\n\nFinal-Recipient: rfc822; %s\nAction: relayed\nStatus: 2.0.0\n",
			x.Hostname, x.Now().Format(time.RFC1123Z), a.By.Time.Format(time.RFC1123Z), a.Address)},
		{"text/rfc822-headers", headerText(a.Message)},
	})
}
