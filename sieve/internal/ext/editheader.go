package ext

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

// editheaderLimits are the settings: sizes, and which fields must not be touched.
type editheaderLimits struct {
	maxSize   uint64 // sieve_editheader_max_header_size: bytes of a value
	addNot    map[string]bool
	deleteNot map[string]bool
}

var editheaderConfig = engine.NewConfig(readEditheader)

var _ = engine.Register(&engine.Extension{
	Name: "editheader", Spec: "RFC 5293", OptIn: true,
	Commands: []engine.Command{
		{
			Name: "addheader",
			Params: []engine.Param{
				{Name: "field-name", Kind: engine.String},
				{Name: "value", Kind: engine.String},
			},
			Tags:  []engine.Tag{{Name: "last"}},
			Check: checkAddheader,
			Op:    compileAddheader,
		},
		{
			Name: "deleteheader",
			Params: []engine.Param{
				{Name: "field-name", Kind: engine.String},
				{Name: "value-patterns", Kind: engine.StringList, Optional: true},
			},
			Tags: []engine.Tag{
				{Name: "index", Param: &engine.Param{Name: "index", Kind: engine.Number}},
				{Name: "last"},
			},
			Match: true,
			Check: checkDeleteheader,
			Op:    compileDeleteheader,
		},
	},
	Configs: []engine.Configuration{editheaderConfig},
})

// readEditheader reads the settings of 0.5 (lists of fields) and of 2.4 (a list,
// and settings per field).
func readEditheader(s engine.Settings) (editheaderLimits, error) {
	l := editheaderLimits{
		addNot: map[string]bool{"x-sieve-redirected-from": true},
		deleteNot: map[string]bool{
			"received": true, "auto-submitted": true, "x-sieve-redirected-from": true,
			"original-subject": true, "original-from": true, // of replace: RFC 5703 section 5
		},
	}
	var errs []error
	var err error
	if l.maxSize, err = s.Size("sieve_editheader_max_header_size", 2048, 1024); err != nil {
		errs = append(errs, err)
	}
	forbid := func(key, field string, lists ...map[string]bool) {
		if !validFieldName(field) {
			errs = append(errs, fmt.Errorf("%s: invalid header field name %q", key, field))
			return
		}
		// What the subject says is the user's: it can never be protected.
		if field = strings.ToLower(field); field != "subject" {
			for _, list := range lists {
				list[field] = true
			}
		}
	}
	for key, lists := range map[string][]map[string]bool{
		"sieve_editheader_protected":     {l.addNot, l.deleteNot},
		"sieve_editheader_forbid_add":    {l.addNot},
		"sieve_editheader_forbid_delete": {l.deleteNot},
	} {
		for _, field := range strings.Fields(s[key]) {
			forbid(key, field, lists...)
		}
	}
	const per = "sieve_editheader_header"
	for _, field := range strings.Fields(s[per]) {
		name := field
		if n := s[per+"/"+field+"/name"]; n != "" {
			name = n
		}
		if s.Bool(per+"/"+field+"/forbid_add", false) {
			forbid(per, name, l.addNot)
		}
		if s.Bool(per+"/"+field+"/forbid_delete", false) {
			forbid(per, name, l.deleteNot)
		}
	}
	return l, errors.Join(errs...)
}

// checkAddheader looks at what is constant.
func checkAddheader(c *engine.Call) error {
	limits := editheaderConfig.Of(c)
	if field, known := c.Str(0).Const(); known {
		if !validFieldName(field) {
			return c.Errorf(c.ArgPos(0), "addheader command: specified field name `%s' is invalid", field)
		}
		if limits.addNot[strings.ToLower(field)] {
			c.Warnf(c.ArgPos(0), "addheader command: adding specified header field `%s' is forbidden; "+
				"modification will be denied", field)
		}
	}
	if value, known := c.Str(1).Const(); known {
		if err := limits.checkValue(value); err != nil {
			return c.Errorf(c.ArgPos(1), "addheader command: %w", err)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f }) {
			c.Warnf(c.ArgPos(1), "addheader command: specified value `%.80q' is invalid", value)
		}
	}
	return nil
}

func compileAddheader(c *engine.Call) (engine.Op, error) {
	field, value, last := c.Str(0), c.Str(1), c.Tag("last") != nil
	return func(r *engine.Run) error {
		limits := editheaderConfig.Of(r)
		name, text := field.Eval(r), value.Eval(r)
		if !validFieldName(name) {
			return r.Fail(c.Pos, "addheader action: specified field name `%.80s' is invalid", name)
		}
		if limits.addNot[strings.ToLower(name)] {
			r.Warn(c.Pos, "addheader action: adding specified header field `%.80s' is forbidden; modification denied", name)
			return nil
		}
		if err := limits.checkValue(text); err != nil {
			return r.Fail(c.Pos, "addheader action: %w", err)
		}
		m, f := r.Message(), message.NewField(name, foldInValue.ReplaceAllString(text, " "))
		if err := r.Spend(workOfEdit(m)); err != nil {
			return err
		}
		if last {
			r.SetMessage(m.WithFields(append(slices.Clone(m.Fields()), f)))
		} else {
			r.SetMessage(m.Prepend(f))
		}
		r.TraceEdit("addheader", name+": "+text)
		return nil
	}, nil
}

// workOfEdit is how much a new header costs.
func workOfEdit(m *message.Message) int { return int(m.Size()-m.BodySize()) + 64*len(m.Fields()) }

// foldInValue is a line break in a value: a fold of the field's author, which
// stands for one space (RFC 5322 section 2.2.3).
var foldInValue = regexp.MustCompile(`[ \t]*[\r\n][ \t\r\n]*`)

func checkDeleteheader(c *engine.Call) error {
	if t := c.Tag("last"); t != nil && c.Tag("index") == nil {
		return c.Errorf(t.Pos, "the :last tag for the deleteheader command cannot be specified without the :index tag")
	}
	if field, known := c.Str(0).Const(); known {
		if !validFieldName(field) {
			return c.Errorf(c.ArgPos(0), "deleteheader command: specified field name `%s' is invalid", field)
		}
		if editheaderConfig.Of(c).deleteNot[strings.ToLower(field)] {
			c.Warnf(c.ArgPos(0), "deleteheader command: deleting specified header field `%s' is forbidden; "+
				"modification will be denied", field)
		}
	}
	return nil
}

func compileDeleteheader(c *engine.Call) (engine.Op, error) {
	field, last := c.Str(0), c.Tag("last") != nil
	var index uint64 // from 1; 0: all
	if t := c.Tag("index"); t != nil {
		index = t.Num()
	}
	var m *engine.Matcher // of the values; nil: any
	if c.Strs(1) != nil {
		m = c.Matcher()
	}
	return func(r *engine.Run) error {
		name := field.Eval(r)
		if !validFieldName(name) {
			return r.Fail(c.Pos, "deleteheader action: specified field name `%.80s' is invalid", name)
		}
		if editheaderConfig.Of(r).deleteNot[strings.ToLower(name)] {
			r.Warn(c.Pos, "deleteheader action: deleting specified header field `%.80s' is forbidden; modification denied", name)
			return nil
		}
		return deleteFields(r, name, index, last, m)
	}, nil
}

// deleteFields deletes the fields of a name that match; with an index at most
// the one of that number among those of the name, counted from the end for last
// (RFC 5293 section 5).
func deleteFields(r *engine.Run, name string, index uint64, last bool, m *engine.Matcher) error {
	fields := r.Message().Fields()
	total, n := uint64(0), uint64(0)
	for range r.Message().Header(name) {
		total++
	}
	if err := r.Spend(workOfEdit(r.Message())); err != nil {
		return err
	}
	if m != nil && m.UsesCount() {
		if ok, err := matchesNumber(r, m, total, index); err != nil || !ok {
			return err
		}
		m = nil
	}
	kept := make([]message.Field, 0, len(fields))
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			kept = append(kept, f)
			continue
		}
		n++
		pos := n
		if last {
			pos = total - n + 1
		}
		gone := index == 0 || pos == index
		if gone && m != nil {
			var err error
			if gone, err = m.Match(r, f.Decoded()); err != nil {
				return err
			}
		}
		if !gone {
			kept = append(kept, f)
			continue
		}
		r.TraceEdit("deleteheader", f.Name+": "+f.Value())
	}
	if len(kept) < len(fields) {
		r.SetMessage(r.Message().WithFields(kept))
	}
	return nil
}

// matchesNumber matches the number of the fields with :count (RFC 5231 section 4.2);
// with an index there is at most one.
func matchesNumber(r *engine.Run, m *engine.Matcher, total, index uint64) (bool, error) {
	switch {
	case index > total:
		total = 0
	case index > 0:
		total = 1
	}
	x := m.Begin(r)
	for range total {
		if err := x.Value(""); err != nil {
			return x.End(err)
		}
	}
	return x.End(nil)
}

// checkValue tells what is wrong with the value of a new field.
func (l editheaderLimits) checkValue(value string) error {
	if strings.Contains(value, "\x00") {
		return fmt.Errorf("specified value `%.80s' is invalid (contains NUL character)", value)
	}
	if uint64(len(value)) > l.maxSize {
		return fmt.Errorf("specified header value `%.80s' is too large (%d bytes)", value, len(value))
	}
	return nil
}

// validFieldName tells whether name is a field name (RFC 5322 section 3.6.8).
func validFieldName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' })
}
