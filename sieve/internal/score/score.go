// Package score reads the verdict that a spam or virus filter left in a header
// field, for spamtest and virustest (RFC 5235), by the settings of Pigeonhole.
//
// For PREFIX sieve_spamtest or sieve_virustest, with the names of Dovecot 2.4 in
// parentheses:
//
//	PREFIX_status_header  NAME[:REGEX]: the field, and a POSIX regular expression whose
//	                      first group (or the whole of it) is the status
//	PREFIX_status_type    score (default): a number; strlen: as many characters;
//	                      text: one of the text values
//	PREFIX_max_value      the highest score (PREFIX_score_max_value)
//	PREFIX_max_header     NAME[:REGEX]: where it is found (PREFIX_score_max_header)
//	PREFIX_text_valueN    the text for the value N (PREFIX_text_value/N)
package score

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"dovetail/internal/message"
	"dovetail/sieve/internal/ere"
)

// Reader reads a score. Its zero value reads none.
type Reader struct {
	status, max source
	kind        string
	top         float64        // PREFIX_max_value
	texts       map[string]int // PREFIX_text_value, by text
	values      int            // from 1 to values
}

// source is a header field and what in it is looked for.
type source struct {
	field string
	re    *ere.Regexp // nil: all of it
}

// New reads the settings; values is the highest value, 10 for spam and 5 for
// viruses (RFC 5235 section 2). Without a status header the Reader reads
// nothing, which is no error.
func New(settings map[string]string, prefix string, values int) (Reader, error) {
	get := func(names ...string) (key, value string) {
		for _, n := range names {
			if key = prefix + n; strings.TrimSpace(settings[key]) != "" {
				return key, strings.TrimSpace(settings[key])
			}
		}
		return key, ""
	}
	x := Reader{values: values, texts: map[string]int{}}
	var errs []error
	key, v := get("_status_header")
	if v == "" {
		return Reader{}, nil
	}
	var err error
	if x.status, err = parseSource(v); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", key, err))
	}
	key, x.kind = get("_status_type")
	if x.kind = cmp.Or(strings.ToLower(x.kind), "score"); x.kind != "score" && x.kind != "strlen" && x.kind != "text" {
		errs = append(errs, fmt.Errorf("%s: %q is none of score, strlen and text", key, x.kind))
	}
	if key, v = get("_max_value", "_score_max_value"); v != "" {
		if x.top, err = parseNumber(v); err != nil || x.top <= 0 {
			errs = append(errs, fmt.Errorf("%s: %q is no number above 0", key, v))
		}
	}
	if key, v = get("_max_header", "_score_max_header"); v != "" {
		if x.max, err = parseSource(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	for i := 1; i <= values; i++ {
		if _, v = get(fmt.Sprintf("_text_value%d", i), fmt.Sprintf("_text_value/%d", i)); v != "" {
			x.texts[v] = i
		}
	}
	switch {
	case x.kind == "text" && len(x.texts) == 0:
		errs = append(errs, fmt.Errorf("%s_status_type: text needs %s_text_valueN", prefix, prefix))
	case x.kind != "text" && x.top <= 0 && x.max.field == "" && len(errs) == 0:
		errs = append(errs, fmt.Errorf("%s_status_header: %s needs %s_max_value or %s_max_header", prefix, x.kind, prefix, prefix))
	}
	if len(errs) > 0 {
		return Reader{}, errors.Join(errs...)
	}
	return x, nil
}

// parseSource reads NAME[:REGEX].
func parseSource(v string) (source, error) {
	name, expr, ok := strings.Cut(v, ":")
	s := source{field: strings.TrimSpace(name)}
	if s.field == "" || strings.ContainsFunc(s.field, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return source{}, fmt.Errorf("%q is no name of a header field", name)
	}
	if !ok {
		return s, nil
	}
	var err error
	if s.re, err = ere.Compile(strings.TrimLeft(expr, " \t"), octets); err != nil {
		return source{}, fmt.Errorf("invalid regular expression %q: %w", expr, err)
	}
	return s, nil
}

// octets compares characters as they are.
var octets = ere.Text{
	Prefix: func(value, literal string) (int, bool) { return len(literal), strings.HasPrefix(value, literal) },
	Index:  func(value, literal string) (int, int) { return strings.Index(value, literal), len(literal) },
}

// find gives what is looked for in the first field of that name.
func (s source) find(m *message.Message) (string, error) {
	for f := range m.Header(s.field) {
		v := f.Decoded()
		if s.re == nil {
			return v, nil
		}
		found := s.re.Find(v, nil)
		switch {
		case found == nil:
			return "", fmt.Errorf("the field %s does not match its expression", s.field)
		case len(found) > 1:
			return found[1], nil
		}
		return found[0], nil
	}
	return "", fmt.Errorf("there is no field %s", s.field)
}

// parseNumber reads a decimal number: sign, digits, a point and digits.
func parseNumber(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "+-.0123456789") != "" {
		return 0, fmt.Errorf("%q is no decimal number", s)
	}
	return strconv.ParseFloat(s, 64)
}

// slack makes up for what the ratio of two decimal numbers is off in binary.
const slack = 0.001

// Value gives the value of a message: from 1 (clean) to the highest, or with
// percent from 0 to 100. 0 means that it was not tested (RFC 5235 section 2.1);
// the error says why then. Without settings there is neither.
func (x Reader) Value(m *message.Message, percent bool) (int, error) {
	if x.status.field == "" {
		return 0, nil
	}
	ratio, err := x.ratio(m)
	switch {
	case err != nil:
		return 0, err
	case percent:
		return int(ratio*100 + slack), nil
	}
	return int(ratio*float64(x.values-1) + 1 + slack), nil
}

// ratio gives how bad a message is, between 0 and 1.
func (x Reader) ratio(m *message.Message) (float64, error) {
	status, err := x.status.find(m)
	if err != nil {
		return 0, err
	}
	if x.kind == "text" {
		n, ok := x.texts[status]
		if !ok {
			return 0, fmt.Errorf("%q is none of the text values", status)
		}
		return float64(n-1) / float64(x.values-1), nil
	}
	top := x.top
	if x.max.field != "" {
		text, err := x.max.find(m)
		if err != nil {
			return 0, err
		}
		if top, err = parseNumber(text); err != nil {
			return 0, err
		}
	}
	if top <= 0 {
		return 0, errors.New("the highest score is not above 0")
	}
	score := float64(utf8.RuneCountInString(status))
	if x.kind == "score" {
		if score, err = parseNumber(status); err != nil {
			return 0, err
		}
	}
	return min(max(score/top, 0), 1), nil
}
