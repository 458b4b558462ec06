package ext

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "vacation", Spec: "RFC 5230",
	Commands: []engine.Command{{
		Name:   "vacation",
		Params: []engine.Param{{Name: "reason", Kind: engine.String}},
		Tags: []engine.Tag{
			{Name: "days", Group: "PERIOD", Param: &engine.Param{Name: "days", Kind: engine.Number}},
			{Name: "subject", Param: &engine.Param{Name: "subject", Kind: engine.String}},
			{Name: "from", Param: &engine.Param{Name: "from", Kind: engine.String, Check: checkVacationFrom}},
			{Name: "addresses", Param: &engine.Param{Name: "addresses", Kind: engine.StringList}, Apply: warnOfAddresses},
			{Name: "mime"},
			{Name: "handle", Param: &engine.Param{Name: "handle", Kind: engine.String}},
		},
		Op: compileVacation,
	}},
	Configs: []engine.Configuration{vacationConfig},
	Start: func(r *engine.Run) error {
		if r.Env().Envelope == nil {
			return errors.New("the vacation extension cannot be used in this context (needs access to message envelope)")
		}
		return nil
	},
})

// vacationSettings are the settings sieve_vacation_*.
type vacationSettings struct {
	periods        engine.Periods // 7 d, at least 1 d, at most 60 d
	useOriginal    bool           // use_original_recipient: mail to that address is to the user, too
	anyRecipient   bool           // check_recipient=no: whomever the message names
	fromRecipient  bool           // send_from_recipient: the envelope sender is the recipient, not <>
	ignoreEnvelope bool           // to_header_ignore_envelope: To is who the header says it is
	subject        string         // default_subject: where the message has none
	template       string         // default_subject_template
	maxSubject     int            // max_subject_codepoints
}

var vacationConfig = engine.NewConfig(func(s engine.Settings) (vacationSettings, error) {
	const day = 24 * time.Hour
	var errs [2]error
	v := vacationSettings{
		useOriginal:    s.Bool("sieve_vacation_use_original_recipient", false),
		anyRecipient:   !s.Bool("sieve_vacation_check_recipient", true) || s.Bool("sieve_vacation_dont_check_recipient", false),
		fromRecipient:  s.Bool("sieve_vacation_send_from_recipient", false),
		ignoreEnvelope: s.Bool("sieve_vacation_to_header_ignore_envelope", false),
		subject:        "Automated reply",
		template:       "Auto: %{subject}",
		maxSubject:     256,
	}
	v.periods, errs[0] = s.Periods("sieve_vacation", engine.Periods{Default: 7 * day, Min: day, Max: 60 * day})
	if text := s["sieve_vacation_default_subject"]; text != "" {
		v.subject = text
	}
	if text := s["sieve_vacation_default_subject_template"]; text != "" {
		v.template = text
	}
	if text := strings.TrimSpace(s["sieve_vacation_max_subject_codepoints"]); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			errs[1] = fmt.Errorf("sieve_vacation_max_subject_codepoints: %q is no number above 0", text)
		} else {
			v.maxSubject = n
		}
	}
	return v, errors.Join(errs[:]...)
})

func checkVacationFrom(address string) error {
	if _, err := message.ParseAddress(address); err != nil {
		return fmt.Errorf("specified :from address '%s' is invalid for vacation action: %w", address, err)
	}
	return nil
}

func warnOfAddresses(c *engine.Call, t *engine.TagUse) error {
	for _, s := range t.Strs() {
		if address, known := s.Const(); known {
			if _, err := message.ParseAddress(address); err != nil {
				c.Warnf(s.Pos, "specified :addresses item '%s' is invalid: %v for vacation action (ignored)", address, err)
			}
		}
	}
	return nil
}

// vacation is one use of the command.
type vacation struct {
	call                  *engine.Call
	reason, subject, from *engine.Str // nil: not given
	addresses             engine.Strs
	handle                func(r *engine.Run) action.Key
	mime                  bool
	period                time.Duration
}

func compileVacation(c *engine.Call) (engine.Op, error) {
	v := &vacation{call: c, reason: c.Str(0), mime: c.Tag("mime") != nil}
	for name, to := range map[string]**engine.Str{"subject": &v.subject, "from": &v.from} {
		if t := c.Tag(name); t != nil {
			*to = t.Str()
		}
	}
	if t := c.Tag("addresses"); t != nil {
		v.addresses = t.Strs()
	}
	v.period = vacationConfig.Of(c).periods.Of(c, c.Tag("days"), 24*time.Hour)
	v.handle = v.makeHandle(c)
	return func(r *engine.Run) error { return r.Do(c, v.respond(r)) }, nil
}

// makeHandle gives the function that makes the key of an answer: of the sender
// and :handle, or without that of the arguments as they stand in the script, so
// that a subject with a variable does not make every answer another one (RFC
// 5230 section 4.2).
func (v *vacation) makeHandle(c *engine.Call) func(r *engine.Run) action.Key {
	if t := c.Tag("handle"); t != nil {
		return func(r *engine.Run) action.Key {
			return r.Key("vacation", strings.ToLower(r.Env().Envelope.From), "handle", t.Str().Eval(r))
		}
	}
	parts := []string{"", "arguments", strconv.FormatBool(v.mime), v.reason.Source()}
	for _, s := range []*engine.Str{v.subject, v.from} {
		if s == nil {
			parts = append(parts, "no")
		} else {
			parts = append(parts, "yes", s.Source())
		}
	}
	return func(r *engine.Run) action.Key {
		all := slices.Clone(parts)
		all[0] = strings.ToLower(r.Env().Envelope.From)
		return r.Key("vacation", all...)
	}
}

// respond makes the answer, or says why there is none.
func (v *vacation) respond(r *engine.Run) *action.Respond {
	env, set := r.Env().Envelope, vacationConfig.Of(r)
	a := &action.Respond{Reason: v.reason.Eval(r), To: env.From, Once: v.handle(r), Period: v.period}
	mine := v.mine(r)
	named, ok := v.named(r, mine)
	switch why := v.withheld(r, mine); {
	case why != "":
		a.Withheld = why
	case !ok && !set.anyRecipient:
		a.Withheld = "the message was implicitly delivered: no address of the user's is in its header"
	default:
		if set.fromRecipient {
			a.From = env.To
		}
		a.Message = v.compose(r, named, a.Reason)
	}
	if a.Withheld != "" {
		r.Info(v.call.Pos, "discarding vacation response to <%s>: %s", env.From, a.Withheld)
	}
	return a
}

// mine gives the addresses that are the user's.
func (v *vacation) mine(r *engine.Run) []string {
	env := r.Env().Envelope
	mine := []string{env.To}
	if r.Env().UserEmail != "" {
		mine = append(mine, r.Env().UserEmail)
	}
	if vacationConfig.Of(r).useOriginal && env.OrigTo != "" {
		mine = append(mine, env.OrigTo)
	}
	for _, s := range v.addresses.Eval(r) {
		if a, err := message.ParseAddress(s); err == nil {
			mine = append(mine, a.String())
		}
	}
	return mine
}

// named finds the one of the user's addresses that the message is addressed to
// (RFC 5230 section 4.5); without any it gives the one to answer from.
func (v *vacation) named(r *engine.Run, mine []string) (string, bool) {
	for _, name := range []string{"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"} {
		for f := range r.Original().Header(name) {
			for _, a := range message.ParseAddresses(f.Value()) {
				if r.Spend(16*len(mine)) != nil {
					return mine[0], false // the run is over
				}
				if a.IsMailbox() && isOneOf(a.String(), mine) {
					return a.String(), true
				}
			}
		}
	}
	if email := r.Env().UserEmail; email != "" {
		return email, false
	}
	return mine[0], false
}

// isOneOf compares addresses; people do not mind the case of their own.
func isOneOf(address string, mine []string) bool {
	return slices.ContainsFunc(mine, func(m string) bool { return strings.EqualFold(m, address) })
}

// withheld tells why a message gets no answer, whoever it is addressed to; ""
// when it may get one.
func (v *vacation) withheld(r *engine.Run, mine []string) string {
	env := r.Env().Envelope
	switch {
	case env.To == "":
		r.Warn(v.call.Pos, "vacation action aborted: envelope recipient is <>")
		return "the envelope has no recipient"
	case env.From != "" && isOneOf(env.From, mine):
		return "the sender is the user"
	}
	return r.Unanswerable()
}

// maxReferences bounds the References of an answer, in bytes.
const maxReferences = 4096

// compose makes the answer (RFC 5230 section 5).
func (v *vacation) compose(r *engine.Run, from, reason string) *message.Message {
	fields := []message.Field{
		v.fromField(r, from),
		message.NewField("To", v.to(r)),
		message.NewField("Subject", v.subjectText(r)),
	}
	if id, ok := r.Original().Get("Message-ID"); ok && id != "" {
		fields = append(fields, message.NewField("In-Reply-To", id), message.NewField("References", references(r.Original(), id)))
	}
	fields = append(fields,
		message.RawField("Auto-Submitted", "auto-replied (vacation)"),
		message.RawField("Precedence", "bulk"),
		message.RawField("X-Auto-Response-Suppress", "All"), // Microsoft's programs know no other sign
	)
	text := strings.TrimSuffix(lineEnds.Replace(reason), "\n")
	if !v.mime {
		return engine.Text(fields, text)
	}
	m := message.Parse([]byte(text + "\n"))
	for _, f := range m.Fields() {
		if f.Name == "" { // no header after all
			m = message.Parse([]byte("\n" + text + "\n"))
			break
		}
	}
	return m.Prepend(append(fields, message.RawField("MIME-Version", "1.0"))...)
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// fromField gives the From of the answer: :from, else the user's address.
func (v *vacation) fromField(r *engine.Run, def string) message.Field {
	if v.from != nil {
		text := v.from.Eval(r)
		a, err := message.ParseAddress(text)
		if err == nil {
			name := ""
			if list := message.ParseAddresses(text); len(list) == 1 {
				name = message.DecodeWords(list[0].Name)
			}
			return message.NewField("From", mailbox(name, a.String()))
		}
		r.Warn(v.call.Pos, "specified :from address '%s' is invalid for vacation action: %v", text, err)
	}
	return message.NewField("From", mailbox("", def))
}

// to gives the To of the answer: the sender, with the name that the message has for it.
func (v *vacation) to(r *engine.Run) string {
	sender, anyone := r.Env().Envelope.From, vacationConfig.Of(r).ignoreEnvelope
	for _, name := range []string{"Sender", "Resent-From", "From"} {
		for f := range r.Original().Header(name) {
			for _, a := range message.ParseAddresses(f.Value()) {
				if a.IsMailbox() && (anyone || strings.EqualFold(a.String(), sender)) {
					return mailbox(message.DecodeWords(a.Name), a.String())
				}
			}
		}
	}
	return mailbox("", sender)
}

// mailbox formats an address, always in angle brackets.
func mailbox(name, address string) string {
	if name == "" {
		return "<" + address + ">"
	}
	return message.FormatMailbox(name, address)
}

// subjectText gives the Subject of the answer.
func (v *vacation) subjectText(r *engine.Run) string {
	set := vacationConfig.Of(r)
	text := set.subject
	switch {
	case v.subject != nil:
		text = v.subject.Eval(r)
	default:
		for f := range r.Original().Header("Subject") {
			if s := f.Decoded(); s != "" {
				text = strings.NewReplacer("%%", "%", "%$", s, "%{subject}", s).Replace(set.template)
			}
			break
		}
	}
	if runes := []rune(text); len(runes) > set.maxSubject {
		text = string(runes[:set.maxSubject-1]) + "…"
	}
	return text
}

// references gives the References of an answer to the message with this id (RFC
// 5322 section 3.6.4); a very long list is cut down to the end of the thread.
func references(m *message.Message, id string) string {
	before, ok := m.Get("References")
	if !ok {
		if parent, has := m.Get("In-Reply-To"); has && len(strings.Fields(parent)) == 1 {
			before = parent
		}
	}
	words := strings.Fields(before)
	for len(strings.Join(words, " ")) > maxReferences {
		words = words[(len(words)+1)/2:]
	}
	return strings.Join(append(words, id), " ")
}
