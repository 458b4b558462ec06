package ext

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "replace", Spec: "RFC 5703 section 5",
	Commands: []engine.Command{{
		Name: "replace", Check: checkReplace, Op: compileReplace,
		Params: []engine.Param{{Name: "replacement", Kind: engine.String}},
		Tags: []engine.Tag{
			{Name: "mime"},
			{Name: "subject", Param: &engine.Param{Name: "subject", Kind: engine.String}},
			{Name: "from", Param: &engine.Param{Name: "from", Kind: engine.String, Check: checkReplaceFrom}},
		},
	}},
})

// maxReplaced bounds the parts that a run replaces, since each time the message is
// taken apart again.
const maxReplaced = 100

var replaced = engine.NewState(func() *int { return new(int) })

// checkReplaceFrom asks for a list of mailboxes.
func checkReplaceFrom(from string) error {
	list := message.ParseAddresses(from)
	for _, a := range list {
		if !a.IsMailbox() {
			list = nil
			break
		}
	}
	if len(list) == 0 {
		return fmt.Errorf("specified :from address '%.80s' is invalid for the replace action", from)
	}
	return nil
}

func checkReplace(c *engine.Call) error {
	if c.Tag("mime") == nil {
		return nil
	}
	for _, name := range []string{"subject", "from"} {
		if t := c.Tag(name); t != nil {
			return c.Errorf(t.Pos, "the :%s tag of the replace command cannot stand beside :mime", name)
		}
	}
	if entity, known := c.Str(0).Const(); known {
		if err := checkEntity(entity); err != nil {
			return c.Errorf(c.ArgPos(0), "replace: %w", err)
		}
	}
	return nil
}

// checkEntity asks for a MIME entity: a header, which may have no field, an empty
// line, and a content (RFC 2045 section 2.4).
func checkEntity(entity string) error {
	m := message.Parse([]byte(entity))
	if !m.Structure().Root.HasBody() {
		return errors.New("the replacement is no MIME entity: no empty line ends its header")
	}
	for _, f := range m.Fields() {
		if f.Name == "" {
			return fmt.Errorf("the replacement is no MIME entity: '%.80s' is no header field", strings.TrimSpace(f.Raw()))
		}
	}
	return nil
}

// compileReplace replaces the part that a loop has reached, or the message.
func compileReplace(c *engine.Call) (engine.Op, error) {
	text, mime := c.Str(0), c.Tag("mime") != nil
	return func(r *engine.Run) error {
		entity := message.TextEntity(text.Eval(r))
		if mime {
			raw := text.Eval(r)
			if err := checkEntity(raw); err != nil {
				return r.Fail(c.Pos, "replace: %w", err)
			}
			entity = message.Parse([]byte(raw))
		}
		p := r.Part()
		if now, ok := r.PartNow(p); ok {
			p = now // as it is after the edits of this round
		}
		if p.Parent == nil {
			return replaceMessage(r, c, entity)
		}
		n := replaced.Of(r)
		if *n++; *n > maxReplaced {
			return r.Fail(c.Pos, "the number of replaced parts exceeds the limit of %d", maxReplaced)
		}
		m, err := r.Message().ReplacePart(p, entity)
		if err != nil {
			return r.Fail(c.Pos, "replace: %w", err)
		}
		r.SetMessage(m)
		r.TraceEdit("replace", "a part of type "+p.Media().Type)
		return nil
	}, nil
}

// replaceMessage replaces the body of the message. All of its header stays but
// for the fields of MIME, which are the entity's; a subject or sender that changes
// is kept in a field of its own.
func replaceMessage(r *engine.Run, c *engine.Call, entity *message.Message) error {
	change := map[string]string{}
	if t := c.Tag("subject"); t != nil {
		change["subject"] = t.Str().Eval(r)
	}
	if t := c.Tag("from"); t != nil {
		from := t.Str().Eval(r)
		if err := checkReplaceFrom(from); err != nil {
			return r.Fail(c.Pos, "%w", err)
		}
		change["from"] = from
	}
	var fields []message.Field
	for _, f := range r.Message().Fields() {
		name := strings.ToLower(f.Name)
		_, changed := change[name]
		switch {
		case isMimeField(name):
		case changed:
			fields = append(fields, message.RawField("Original-"+f.Name, f.Value()))
		default:
			fields = append(fields, f)
		}
	}
	if v, ok := change["from"]; ok {
		fields = append(fields, fromField(v))
	}
	if v, ok := change["subject"]; ok {
		fields = append(fields, message.NewField("Subject", v))
	}
	fields = append(fields, message.RawField("MIME-Version", "1.0"))
	for _, f := range entity.Fields() {
		if name := strings.ToLower(f.Name); isMimeField(name) && name != "mime-version" {
			fields = append(fields, f)
		}
	}
	r.SetMessage(r.Message().WithBody(fields, entity))
	r.TraceEdit("replace", "the message")
	return nil
}

// fromField makes the field of a list of mailboxes, with names that are not ASCII
// encoded (RFC 2047 section 5).
func fromField(from string) message.Field {
	list, err := mail.ParseAddressList(from)
	if err != nil {
		return message.NewField("From", from)
	}
	var parts []string
	for _, a := range list {
		parts = append(parts, a.String())
	}
	return message.RawField("From", strings.Join(parts, ", "))
}

// isMimeField tells whether a field, in lower case, describes the content (RFC
// 2045 sections 3 and 9).
func isMimeField(name string) bool {
	return name == "mime-version" || strings.HasPrefix(name, "content-")
}
