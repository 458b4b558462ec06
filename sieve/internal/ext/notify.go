package ext

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
	"dovetail/sieve/internal/mailto"
)

// The notify extension as it was before enotify, for scripts of older sites. Of
// its methods there is mailto. The message that it sends is that of Pigeonhole
// 0.5; a notification without a priority is :normal, and denotify without one
// concerns all, as the draft has it.
var _ = engine.Register(&engine.Extension{
	Name: "notify", Spec: "draft-martin-sieve-notify-01", OptIn: true,
	Excludes: []string{"enotify"},
	Commands: []engine.Command{
		{
			Name: "notify",
			Tags: append([]engine.Tag{
				{Name: "method", Param: &engine.Param{Name: "method", Kind: engine.String, Const: true, Check: func(method string) error {
					if !strings.EqualFold(method, "mailto") {
						return errors.New("the notify command of the deprecated notify extension " +
							"only supports the 'mailto' notification method")
					}
					return nil
				}}},
				{Name: "id", Param: &engine.Param{Name: "id", Kind: engine.String}},
				{Name: "options", Param: &engine.Param{Name: "options", Kind: engine.StringList, Check: func(address string) error {
					if _, err := mailto.ParseRecipient(address); err != nil {
						return fmt.Errorf("specified :options address '%.128s' is invalid for the mailto notify method: %w", address, err)
					}
					return nil
				}}},
				{Name: "message", Param: &engine.Param{Name: "message", Kind: engine.String}},
			}, draftPriorities...),
			Check: func(c *engine.Call) error {
				if c.Tag("options") == nil {
					c.Warnf(c.Pos, "no :options (and hence recipients) specified for the notify command")
				}
				return nil
			},
			Op: compileDraftNotify,
		},
		{
			Name: "denotify",
			Tags: append([]engine.Tag{
				draftMatchTag("is"), draftMatchTag("contains"), draftMatchTag("matches"), draftMatchTag("regex"),
			}, draftPriorities...),
			Op: compileDenotify,
		},
	},
})

// draftPriorities are the tags for priorities, at the place of their number less one.
var draftPriorities = []engine.Tag{
	{Name: "high", Group: "IMPORTANCE"}, {Name: "normal", Group: "IMPORTANCE"}, {Name: "low", Group: "IMPORTANCE"},
}

// draftPriority gives the priority of a call, 0 when it names none.
func draftPriority(c *engine.Call) int {
	for i, t := range draftPriorities {
		if c.Tag(t.Name) != nil {
			return i + 1
		}
	}
	return 0
}

// draftMatchTag is a match type that has its key behind it.
func draftMatchTag(name string) engine.Tag {
	return engine.Tag{Name: name, Group: "MATCH-TYPE", Param: &engine.Param{Name: "key-string", Kind: engine.String}}
}

func compileDraftNotify(c *engine.Call) (engine.Op, error) {
	options := c.Tag("options")
	if options == nil {
		return nil, nil
	}
	importance := draftPriority(c)
	if importance == 0 {
		importance = 2
	}
	return func(r *engine.Run) error {
		n := &action.Notify{Method: "notify", Importance: importance}
		if t := c.Tag("id"); t != nil {
			n.ID = t.Str().Eval(r)
		}
		if err := addDraftRecipients(r, c, n, options.Strs().Eval(r)); err != nil {
			return err
		}
		if r.IsAutomatic() {
			r.Info(c.Pos, "notify action: not sent, since the message is an automatic one")
			return nil
		}
		if e := r.Env().Envelope; e != nil && e.From != "" {
			n.From = r.Env().Postmaster
		}
		text := "$from$: $subject$"
		if t := c.Tag("message"); t != nil {
			text = t.Str().Eval(r)
		}
		n.Message = engine.Text(append([]message.Field{
			message.RawField("Subject", "[SIEVE] New mail notification"),
			message.RawField("From", message.FormatMailbox("Postmaster", r.Env().Postmaster)),
			message.RawField("Auto-Submitted", "auto-generated (notify)"),
			message.RawField("Precedence", "bulk"),
		}, engine.Importance(importance)...), expandDraftText(r, text))
		return r.Do(c, n)
	}, nil
}

// addDraftRecipients adds each address once, up to mailto's bound.
func addDraftRecipients(r *engine.Run, c *engine.Call, n *action.Notify, addresses []string) error {
	have := map[string]bool{}
	for _, address := range addresses {
		rcpt, err := mailto.ParseRecipient(address)
		key := strings.ToLower(rcpt.Address)
		switch {
		case err != nil:
			return r.Fail(c.Pos, "specified :options address '%.128s' is invalid for the deprecated notify command: %w", address, err)
		case have[key]:
			r.Warn(c.Pos, "duplicate recipient '%.128s' specified in the :options argument of the deprecated notify command", address)
		case len(n.To) == mailto.MaxRecipients:
			r.Warn(c.Pos, "more than the maximum %d recipients are specified for the deprecated notify command; "+
				"the rest is discarded", mailto.MaxRecipients)
			return nil
		default:
			have[key] = true
			n.To = append(n.To, rcpt)
		}
	}
	return nil
}

// draftVariable is what stands for something of the message in :message.
var draftVariable = regexp.MustCompile(`(?i)\$(from|env-from|subject|text)(?:\[([0-9]+)\])?\$`)

// maxDraftText bounds what a notification has from the message, in bytes.
const maxDraftText = 64 << 10

func expandDraftText(r *engine.Run, text string) string {
	left := maxDraftText
	return draftVariable.ReplaceAllStringFunc(text, func(v string) string {
		if left == 0 {
			return ""
		}
		v = engine.Truncate(draftValue(r, v, left), left)
		left -= len(v)
		return v
	})
}

// draftValue gives what a variable stands for; of the text at most limit bytes.
func draftValue(r *engine.Run, v string, limit int) string {
	m := draftVariable.FindStringSubmatch(v)
	name, size := strings.ToLower(m[1]), m[2]
	switch {
	case name == "text":
		if n, err := strconv.Atoi(size); err == nil && n > 0 {
			limit = min(limit, n)
		}
		return messageText(r, limit)
	case size != "":
		return v
	case name == "env-from":
		if e := r.Env().Envelope; e != nil {
			return e.From
		}
		return ""
	}
	for f := range r.Message().Header(name) {
		return f.Decoded()
	}
	return ""
}

// messageText gives the begin of what the text parts of the message say.
func messageText(r *engine.Run, limit int) string {
	var b strings.Builder
	for p := range r.Message().Structure().Root.All() {
		if !p.IsText() || b.Len() >= limit {
			continue
		}
		text, err := p.Open()
		if err != nil {
			continue // of an unknown encoding: nothing to read
		}
		s, _, err := message.ReadBounded(text, limit-b.Len())
		if err != nil {
			r.Warn(r.Pos(), "notify action: reading the message: %v", err)
		}
		b.WriteString(s)
	}
	return b.String()
}

// compileDenotify takes notifications back: all, those with an :id that matches,
// those of a priority.
func compileDenotify(c *engine.Call) (engine.Op, error) {
	importance := draftPriority(c)
	var ids *engine.Matcher
	if t := c.TagOf("MATCH-TYPE"); t != nil {
		var err error
		if ids, err = c.NewMatcher(t.Tag.Name, "i;octet", t.Str()); err != nil {
			return nil, err
		}
	}
	return func(r *engine.Run) error {
		var failed error
		r.Withdraw(func(a action.Action) bool {
			n, ok := a.(*action.Notify)
			if !ok || n.Method != "notify" || importance != 0 && n.Importance != importance || failed != nil {
				return false
			}
			if ids == nil {
				return true
			}
			ok, failed = ids.Match(r, n.ID)
			return ok && failed == nil
		})
		return failed
	}, nil
}
