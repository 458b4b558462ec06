package ext

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/mailto"
)

var _ = engine.Register(&engine.Extension{
	Name: "enotify", Spec: "RFC 5435, RFC 5436 (mailto)",
	Configs: []engine.Configuration{enotifyConfig},
	Commands: []engine.Command{
		{
			Name:   "notify",
			Params: []engine.Param{{Name: "method", Kind: engine.String}},
			Tags: []engine.Tag{
				{Name: "from", Param: &engine.Param{Name: "from", Kind: engine.String}},
				{Name: "importance", Param: &engine.Param{
					Name: "importance", Kind: engine.String, Const: true, Check: func(v string) error {
						if len(v) != 1 || v < "1" || v > "3" {
							return fmt.Errorf("invalid :importance value for notify command: %s", v)
						}
						return nil
					},
				}},
				{Name: "options", Param: &engine.Param{Name: "options", Kind: engine.StringList}},
				{Name: "message", Param: &engine.Param{Name: "message", Kind: engine.String}},
			},
			Check: checkEnotify,
			Op:    compileEnotify,
		},
		{
			Name:   "valid_notify_method",
			Params: []engine.Param{{Name: "notification-uris", Kind: engine.StringList}},
			Test:   compileValidMethod,
		},
		{
			Name: "notify_method_capability", Match: true,
			Params: []engine.Param{
				{Name: "notification-uri", Kind: engine.String},
				{Name: "notification-capability", Kind: engine.String},
				{Name: "key list", Kind: engine.StringList},
			},
			Test: compileMethodCapability,
		},
	},
	Modifiers: []engine.Modifier{{Name: "encodeurl", Precedence: 15, Apply: encodeURL}},
})

// enotifySettings bound the notifications and say who sends them.
type enotifySettings struct {
	max          int                  // sieve_notify_max_notifications; 0: none may be sent
	from         engine.AddressSource // sieve_notify_mailto_envelope_from
	variableSize uint64               // bytes of a variable's value (variables)
}

var enotifyConfig = engine.NewConfig(func(s engine.Settings) (enotifySettings, error) {
	max, err1 := s.Size("sieve_notify_max_notifications", 10, 0)
	from, err2 := s.AddressSource("sieve_notify_mailto_envelope_from")
	// Bad values of these two are told by the extension that they belong to.
	size, _ := s.Size("sieve_variables_max_variable_size", 4096, 4000)
	size, _ = s.Size("sieve_variables_max_value_size", size, 4000)
	return enotifySettings{max: int(max), from: from, variableSize: size}, errors.Join(err1, err2)
})

// maxNotifySubject bounds the subject of a notification, in characters.
const maxNotifySubject = 256

var errNotifyProhibited = errors.New("local policy prohibits the use of a notify action")

// parseNotifyMethod reads the URI of a notification method.
func parseNotifyMethod(uri string) (*mailto.URI, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	letters := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+-.", r)
	}
	switch {
	case !ok || scheme == "" || strings.TrimFunc(scheme, letters) != "" || !letters(rune(scheme[0])) || scheme[0] < 'A':
		return nil, fmt.Errorf("invalid scheme part for method URI '%.80s'", uri)
	case !strings.EqualFold(scheme, "mailto"):
		return nil, fmt.Errorf("invalid method '%s'", scheme)
	}
	u, err := mailto.Parse(rest)
	if err != nil {
		return nil, fmt.Errorf("mailto URI: %w", err)
	}
	return u, nil
}

// checkEnotify looks at what is constant.
func checkEnotify(c *engine.Call) error {
	if enotifyConfig.Of(c).max == 0 {
		return errNotifyProhibited
	}
	uri, known := c.Str(0).Const()
	if !known {
		return nil // which method it is, and so what may be with it, is known at run time only
	}
	u, err := parseNotifyMethod(uri)
	if err != nil {
		return c.Errorf(c.ArgPos(0), "notify command: %w", err)
	}
	for _, w := range u.Warnings {
		c.Warnf(c.ArgPos(0), "notify command: mailto URI: %s", w)
	}
	if t := c.Tag("from"); t != nil {
		if from, known := t.Str().Const(); known {
			if _, err := mailto.ParseRecipient(from); err != nil {
				return c.Errorf(t.Pos, "notify command: specified :from address '%.128s' is invalid for the mailto method: %w", from, err)
			}
		}
	}
	if t := c.Tag("options"); t != nil {
		for _, s := range t.Strs() {
			if option, known := s.Const(); known {
				if err := checkNotifyOption(option); err != nil {
					return c.Errorf(s.Pos, "notify command: %w", err)
				}
			}
		}
		c.Warnf(t.Pos, "notify command: method 'mailto' accepts no options")
	}
	return nil
}

// checkNotifyOption checks an option's syntax (RFC 5435 section 3.4); mailto has none.
//
//	<optionname>=<value>, optionname = l-d *l-d-p, value without CR and LF
func checkNotifyOption(option string) error {
	if option == "" {
		return errors.New("empty option specified")
	}
	name, value, ok := strings.Cut(option, "=")
	rest := strings.TrimLeftFunc(name, func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_'
	})
	switch {
	case !ok || name == "" || rest != "" || strings.ContainsRune(".-_", rune(name[0])):
		return fmt.Errorf("invalid option name specified in option '%.80s'", option)
	case strings.ContainsAny(value, "\r\n"):
		return fmt.Errorf("invalid option value specified in option '%.80s'", option)
	}
	return nil
}

func compileEnotify(c *engine.Call) (engine.Op, error) {
	importance := 2
	if t := c.Tag("importance"); t != nil {
		v, _ := t.Str().Const()
		importance = int(v[0] - '0')
	}
	return func(r *engine.Run) error {
		max := enotifyConfig.Of(r).max
		if max == 0 {
			return r.Fail(c.Pos, "%w", errNotifyProhibited)
		}
		u, err := parseNotifyMethod(c.Str(0).Eval(r))
		if err != nil {
			return r.Fail(c.Pos, "notify action: %w", err)
		}
		n, err := makeNotification(r, c, u, importance)
		if err != nil {
			return r.Fail(c.Pos, "notify action: %w", err)
		}
		if len(u.To) == 0 {
			r.Warn(c.Pos, "notify action: the URI specifies no recipients; the action has no effect")
			return nil
		}
		if r.IsAutomatic() {
			r.Info(c.Pos, "notify action: not sent, since the message is an automatic one")
			return nil
		}
		if err := r.Do(c, n); err != nil {
			return err
		}
		count := 0
		for _, a := range r.Asked() {
			if n, ok := a.(*action.Notify); ok && n.Method == "mailto" {
				count++
			}
		}
		if count > max {
			return r.Fail(c.Pos, "number of notify actions exceeds policy limit (%d > %d)", count, max)
		}
		return nil
	}, nil
}

// makeNotification makes the notification (RFC 5436 section 2).
func makeNotification(r *engine.Run, c *engine.Call, u *mailto.URI, importance int) (*action.Notify, error) {
	from := action.Recipient{Name: "Postmaster", Address: r.Env().Postmaster}
	if t := c.Tag("from"); t != nil {
		var err error
		if from, err = mailto.ParseRecipient(t.Str().Eval(r)); err != nil {
			return nil, fmt.Errorf("specified :from address '%.128s' is invalid for the mailto method: %w", t.Str().Eval(r), err)
		}
	}
	n := &action.Notify{Method: "mailto", Importance: importance, To: u.To}
	owner := r.Env().UserEmail
	if e := r.Env().Envelope; e != nil {
		owner = e.To
		if e.From != "" { // a bounce is answered by nothing but a bounce
			n.From = enotifyConfig.Of(r).from.Of(r, from.Address)
		}
	}
	fields := []message.Field{
		message.NewField("Subject", truncateRunes(notifySubject(r, c, u), maxNotifySubject)),
		message.RawField("From", message.FormatMailbox(from.Name, from.Address)),
		message.RawField("Auto-Submitted", `auto-notified; owner-email="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(owner)+`"`),
		message.RawField("Precedence", "bulk"),
	}
	fields = append(append(fields, engine.Importance(importance)...), u.Fields...)
	body := "Notification of new message."
	if u.Body != nil {
		body = *u.Body
	}
	n.Message = engine.Text(fields, body)
	return n, nil
}

// notifySubject gives the subject: :message, else that of the URI, else one that
// tells of the message's own (RFC 5436 section 2.4).
func notifySubject(r *engine.Run, c *engine.Call, u *mailto.URI) string {
	if t := c.Tag("message"); t != nil {
		return t.Str().Eval(r)
	}
	if u.Subject != nil {
		return *u.Subject
	}
	for f := range r.Message().Header("Subject") {
		return "Notification: " + f.Decoded()
	}
	return "Notification: (no subject)"
}

// truncateRunes cuts a text to at most limit characters, the last of them an
// ellipsis where something is cut off.
func truncateRunes(s string, limit int) string {
	cut := 0
	for i := range s {
		if limit--; limit == 0 {
			cut = i
		} else if limit < 0 {
			return s[:cut] + "…"
		}
	}
	return s
}

// compileValidMethod is true when all URIs are of known methods and well-formed
// (RFC 5435 section 4).
func compileValidMethod(c *engine.Call) (engine.Cond, error) {
	uris := c.Strs(0)
	return func(r *engine.Run) (bool, error) {
		for _, s := range uris {
			uri := s.Eval(r)
			if err := r.Spend(1024 * len(uri)); err != nil {
				return false, err
			}
			if _, err := parseNotifyMethod(uri); err != nil {
				return false, nil
			}
		}
		return true, nil
	}, nil
}

// methodCapabilities are what a script can ask about mailto. Whether somebody is
// online nobody can tell (RFC 5436 section 2.2); copies can be kept (RFC 8580 section 6.1).
var methodCapabilities = map[string]string{"online": "maybe", "fcc": "yes"}

// compileMethodCapability matches what the method can do; of what nobody knows nothing matches.
func compileMethodCapability(c *engine.Call) (engine.Cond, error) {
	m := c.Matcher()
	return func(r *engine.Run) (bool, error) {
		if _, err := parseNotifyMethod(c.Str(0).Eval(r)); err != nil {
			return false, nil
		}
		answer, known := methodCapabilities[strings.ToLower(c.Str(1).Eval(r))]
		if !known {
			return false, nil
		}
		return m.Match(r, answer)
	}, nil
}

// encodeURL encodes all that is not unreserved in a URI (RFC 5435 section 6, RFC
// 3986 section 2.3). A character that would go beyond the size of a variable is
// left out, and what follows it, so that none is cut in half.
func encodeURL(r *engine.Run, v string) string {
	limit := cmp.Or(int(enotifyConfig.Of(r).variableSize), 4096)
	var b strings.Builder
	for len(v) > 0 {
		_, n := utf8.DecodeRuneInString(v)
		plain := n == 1 && (v[0] >= 'a' && v[0] <= 'z' || v[0] >= 'A' && v[0] <= 'Z' || v[0] >= '0' && v[0] <= '9' ||
			strings.IndexByte("-._~", v[0]) >= 0)
		switch {
		case plain && b.Len() < limit:
			b.WriteByte(v[0])
		case !plain && b.Len()+3*n <= limit:
			for i := range n {
				fmt.Fprintf(&b, "%%%02X", v[i])
			}
		default:
			return b.String()
		}
		v = v[n:]
	}
	return b.String()
}
