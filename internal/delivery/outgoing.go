package delivery

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// Header fields of redirected mail; the second tells a loop.
const (
	headerSieve          = "X-Sieve"
	headerRedirectedFrom = "X-Sieve-Redirected-From"
)

// self is the address that this recipient's mail is redirected from.
func (j *Job) self() string {
	if j.UserEmail != "" {
		return j.UserEmail
	}
	return j.Envelope.To
}

// loops tells whether the message came here by a redirect from here.
func (j *Job) loops(a *action.Redirect) bool {
	for f := range a.Message.Header(headerRedirectedFrom) {
		if v := f.Value(); v == j.Envelope.To || v != "" && v == j.UserEmail {
			return true
		}
	}
	return false
}

// redirected is the message as it goes out.
func (x *Executor) redirected(j *Job, m *message.Message) *message.Message {
	fields := []message.Field{
		message.RawField(headerSieve, "dovetail"),
		message.RawField(headerRedirectedFrom, j.self()),
	}
	if _, ok := m.Get("Message-ID"); !ok {
		fields = append(fields, message.RawField("Message-ID", x.messageID()))
	}
	for _, f := range m.Fields() {
		if !strings.EqualFold(f.Name, "Return-Path") {
			fields = append(fields, f)
		}
	}
	return m.WithFields(fields)
}

// redirectSender gives the envelope sender of redirected mail
// (sieve_redirect_envelope_from). A bounce is never redirected as anything else.
func (x *Executor) redirectSender(j *Job) string {
	if j.Envelope.From == "" {
		return ""
	}
	switch x.RedirectFrom {
	case "", "sender":
		return j.Envelope.From
	case "recipient":
		return j.Envelope.To
	case "orig_recipient":
		if j.Envelope.OrigTo != "" {
			return j.Envelope.OrigTo
		}
		return j.Envelope.To
	case "user_email":
		return j.self()
	case "postmaster":
		return x.Postmaster
	}
	return strings.Trim(x.RedirectFrom, "<>")
}

func (x *Executor) messageID() string {
	return fmt.Sprintf("<%d.%s@%s>", x.Now().Unix(), rand.Text(), x.Hostname)
}

// rejection is the notification of RFC 5429 section 2.2.1: a message disposition
// notification (RFC 8098) with the reason in its human-readable part.
func (x *Executor) rejection(j *Job, reason string) *message.Message {
	id, _ := j.Original.Get("Message-ID")
	return x.report(j.Envelope.From, "Automatically rejected mail", "auto-replied (rejected)", "disposition-notification", [][2]string{
		{"text/plain; charset=utf-8", fmt.Sprintf("Your message to <%s> was automatically rejected:\n%s\n", j.Envelope.To, reason)},
		{"message/disposition-notification", fmt.Sprintf(
			"Reporting-UA: %s; dovetail\nOriginal-Recipient: rfc822; %s\nFinal-Recipient: rfc822; %s\n%sDisposition: automatic-action/MDN-sent-automatically; deleted\n",
			x.Hostname, orElse(j.Envelope.OrigTo, j.Envelope.To), j.Envelope.To, optional("Original-Message-ID: ", id))},
		{"text/rfc822-headers", headerText(j.Original)},
	})
}

// report makes a report (RFC 6522) of parts, each with its type and text; auto is
// the value of Auto-Submitted.
func (x *Executor) report(to, subject, auto, kind string, parts [][2]string) *message.Message {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range []message.Field{
		message.RawField("Message-ID", x.messageID()),
		message.RawField("Date", x.Now().Format(time.RFC1123Z)),
		message.RawField("From", "Mail Delivery Subsystem <"+x.Postmaster+">"),
		message.RawField("To", "<"+to+">"),
		message.NewField("Subject", subject),
		message.RawField("Auto-Submitted", auto),
		message.RawField("Precedence", "bulk"),
		message.RawField("MIME-Version", "1.0"),
		message.RawField("Content-Type", "multipart/report; report-type="+kind+";\n boundary=\""+w.Boundary()+"\""),
	} {
		b.WriteString(f.Raw())
	}
	b.WriteByte('\n')
	for _, part := range parts {
		// Writing to a buffer does not fail.
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {part[0]}})
		_, _ = io.WriteString(p, part[1])
	}
	_ = w.Close()
	return message.Parse(b.Bytes())
}

func headerText(m *message.Message) string {
	var b strings.Builder
	for _, f := range m.Fields() {
		b.WriteString(f.Raw())
	}
	return b.String() + "\n"
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

func optional(label, value string) string {
	if value == "" {
		return ""
	}
	return label + value + "\n"
}
