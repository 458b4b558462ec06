package ext

import (
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "enclose", Spec: "RFC 5703 section 6",
	Commands: []engine.Command{{
		Name: "enclose", Op: compileEnclose,
		Params: []engine.Param{{Name: "text", Kind: engine.String}},
		Tags: []engine.Tag{
			{Name: "subject", Param: &engine.Param{Name: "subject", Kind: engine.String}},
			{Name: "headers", Param: &engine.Param{Name: "headers", Kind: engine.StringList}},
		},
	}},
})

// maxEnclosed bounds how often a run encloses the message, since all of the texts
// are kept.
const maxEnclosed = 10

var enclosed = engine.NewState(func() *int { return new(int) })

// compileEnclose makes the message an attachment of a new one, behind a text. It
// is the message for all that follows, but for redirect.
func compileEnclose(c *engine.Call) (engine.Op, error) {
	text := c.Str(0)
	return func(r *engine.Run) error {
		n := enclosed.Of(r)
		if *n++; *n > maxEnclosed {
			return r.Fail(c.Pos, "the message is enclosed more than %d times", maxEnclosed)
		}
		m, err := r.Message().Enclose(enclosing(r, c), message.TextEntity(text.Eval(r)))
		if err != nil {
			return r.Fail(c.Pos, "enclose: %w", err)
		}
		r.SetMessage(m)
		r.TraceEdit("enclose", "the message is an attachment now")
		return nil
	}, nil
}

// enclosing makes the header of the new message, without the fields of MIME: those
// of :headers from the old one, the subject, and what a message must have.
func enclosing(r *engine.Run, c *engine.Call) []message.Field {
	copied := map[string]bool{}
	if t := c.Tag("headers"); t != nil {
		for _, name := range t.Strs().Eval(r) {
			copied[strings.ToLower(name)] = true
		}
	}
	m, have := r.Message(), map[string]bool{}
	var fields []message.Field
	for _, f := range m.Fields() {
		name := strings.ToLower(f.Name)
		if !strings.HasPrefix(name, "content-") && name != "mime-version" && copied[name] {
			fields, have[name] = append(fields, f), true
		}
	}
	if t := c.Tag("subject"); t != nil {
		fields = without(fields, "subject")
		fields = append(fields, message.NewField("Subject", t.Str().Eval(r)))
	} else if !have["subject"] {
		for f := range m.Header("Subject") {
			fields = append(fields, f)
			break
		}
	}
	if !have["from"] {
		fields = append(fields, message.NewField("From", whoRuns(r)))
	}
	if !have["date"] {
		fields = append(fields, message.RawField("Date", r.Now().Format("Mon, 02 Jan 2006 15:04:05 -0700")))
	}
	return fields
}

func without(fields []message.Field, name string) []message.Field {
	var rest []message.Field
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			rest = append(rest, f)
		}
	}
	return rest
}

// whoRuns gives the address of the user whose script it is.
func whoRuns(r *engine.Run) string {
	e := r.Env()
	switch {
	case e.UserEmail != "":
		return e.UserEmail
	case e.Envelope != nil && e.Envelope.To != "":
		return e.Envelope.To
	}
	return e.Postmaster
}
