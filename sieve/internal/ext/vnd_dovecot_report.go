package ext

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "vnd.dovecot.report", Spec: "spec-bosch-sieve-report; RFC 5965", OptIn: true,
	Configs: []engine.Configuration{reportFrom},
	Commands: []engine.Command{{
		Name: "report",
		Params: []engine.Param{
			{Name: "feedback-type", Kind: engine.String, Check: checkFeedbackType},
			{Name: "message", Kind: engine.String},
			{Name: "address", Kind: engine.String, Check: func(address string) error {
				if _, err := message.ParseAddress(address); err != nil {
					return fmt.Errorf("specified report address '%.128s' is invalid: %w", address, err)
				}
				return nil
			}},
		},
		Tags: []engine.Tag{{Name: "headers_only"}},
		Op:   compileReport,
	}},
})

var reportFrom = engine.NewConfig(func(s engine.Settings) (engine.AddressSource, error) {
	return s.AddressSource("sieve_report_from")
})

// checkFeedbackType asks for a token (RFC 5965 section 3.1, RFC 2045 section 5.1).
func checkFeedbackType(kind string) error {
	kind = strings.Trim(kind, " \t")
	special := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) }
	if kind == "" || strings.ContainsFunc(kind, special) {
		return fmt.Errorf("specified feedback type '%.128s' is invalid", kind)
	}
	return nil
}

func compileReport(c *engine.Call) (engine.Op, error) {
	headersOnly := c.Tag("headers_only") != nil
	return func(r *engine.Run) error {
		kind := strings.Trim(c.Str(0).Eval(r), " \t")
		if err := checkFeedbackType(kind); err != nil {
			return r.Fail(c.Pos, "report action: %w", err)
		}
		address := c.Str(2).Eval(r)
		to, err := message.ParseAddress(address)
		if err != nil {
			return r.Fail(c.Pos, "report action: specified report address '%.128s' is invalid: %w", address, err)
		}
		m, err := makeReport(r, kind, c.Str(1).Eval(r), headersOnly)
		if err != nil {
			return r.Fail(c.Pos, "report action: reading the message: %w", err)
		}
		// RFC 5965 section 2: a report is sent with the null sender, so that nothing answers it.
		return r.Do(c, &action.Notify{Method: "report", Importance: 2, To: []action.Recipient{{Address: to.String()}}, Message: m})
	}, nil
}

// makeReport makes the feedback report of RFC 5965 section 2: what the script
// says for people, the facts for programs, and the message.
func makeReport(r *engine.Run, kind, text string, headersOnly bool) (*message.Message, error) {
	var b bytes.Buffer
	if !headersOnly {
		b.Grow(int(r.Original().Size()) + len(text) + 4096)
	}
	b.WriteByte('\n') // an empty header
	w := multipart.NewWriter(&b)
	part := func(header ...string) io.Writer {
		h := textproto.MIMEHeader{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		p, _ := w.CreatePart(h) // writing to a buffer does not fail
		return p
	}
	charset, encoding := "us-ascii", "7bit"
	if strings.ContainsFunc(text, func(c rune) bool { return c >= 0x80 }) {
		charset, encoding = "utf-8", "8bit"
	}
	fmt.Fprintf(part("Content-Type", "text/plain; charset="+charset, "Content-Transfer-Encoding", encoding,
		"Content-Disposition", "inline"), "%s\n", text)
	fmt.Fprint(part("Content-Type", "message/feedback-report"), feedback(r, kind))
	media := "message/rfc822"
	if headersOnly {
		media = "text/rfc822-headers"
	}
	if err := writeReported(part("Content-Type", media, "Content-Disposition", "attachment"), r.Original(), headersOnly); err != nil {
		return nil, err
	}
	_ = w.Close()
	subject := "Report: (message without subject)"
	for f := range r.Original().Header("Subject") {
		subject = "Report: " + f.Decoded()
		break
	}
	from := reportFrom.Of(r).Of(r, r.Env().Postmaster)
	return message.Parse(b.Bytes()).Prepend(
		message.RawField("From", "<"+cmp.Or(from, r.Env().Postmaster)+">"),
		message.NewField("Subject", subject),
		message.RawField("Auto-Submitted", "auto-generated (report)"),
		message.RawField("MIME-Version", "1.0"),
		message.RawField("Content-Type", "multipart/report; report-type=feedback-report; boundary=\""+w.Boundary()+"\""),
	), nil
}

// feedback gives the machine-readable part (RFC 5965 section 3).
func feedback(r *engine.Run, kind string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Version: 1\nFeedback-Type: %s\nUser-Agent: dovetail\n", kind)
	user := r.Env().UserEmail
	if e := r.Env().Envelope; e != nil {
		to := cmp.Or(e.OrigTo, e.To)
		fmt.Fprintf(&b, "Original-Mail-From: <%s>\n", e.From)
		if to != "" {
			fmt.Fprintf(&b, "Original-Rcpt-To: <%s>\n", to)
		}
		user = cmp.Or(user, to)
	}
	if user != "" {
		fmt.Fprintf(&b, "Dovecot-Reporting-User: <%s>\n", user)
	}
	return b.String()
}

// writeReported writes the message that is reported, or its header.
func writeReported(w io.Writer, m *message.Message, headersOnly bool) error {
	if !headersOnly {
		_, err := io.Copy(w, m.Open())
		return err
	}
	for _, f := range m.Fields() {
		if _, err := io.WriteString(w, f.Raw()); err != nil {
			return err
		}
	}
	return nil
}
