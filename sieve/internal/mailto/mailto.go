// Package mailto reads mailto URIs (RFC 2368, RFC 6068) as the notification
// method of that name takes them (RFC 5436).
//
// What is read is stricter than RFC 6068 in two points, as with Pigeonhole, so
// that both accept the same scripts: recipients before the "?" are separated by
// "%2C" alone, and the values of header fields are printable ASCII. A body may
// hold anything.
package mailto

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// Bounds of one URI, those of Pigeonhole. What is beyond is ignored.
const (
	MaxRecipients = 8
	MaxFields     = 16
)

// URI is what a mailto URI asks for.
type URI struct {
	To      []action.Recipient
	Subject *string // nil: not given
	Body    *string
	Fields  []message.Field // other header fields, of those that a URI may set
	// Warnings tell what was ignored.
	Warnings []string
}

// reserved header fields are not the URI's to set (RFC 5436 section 2.5).
var reserved = []string{
	"auto-submitted", "received", "message-id", "date", "bcc", "in-reply-to", "references",
	"resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc", "resent-msg-id",
	"from", "sender",
}

// Parse reads what follows "mailto:".
//
//	mailtoURI = "mailto:" [ to ] [ "?" hfname "=" hfvalue *( "&" hfname "=" hfvalue ) ]
func Parse(rest string) (*URI, error) {
	u := &URI{}
	to, fields, _ := strings.Cut(rest, "?")
	if to != "" {
		if err := u.addTo(to); err != nil {
			return nil, err
		}
	}
	if fields != "" {
		for i, f := range strings.Split(strings.TrimSuffix(fields, "&"), "&") {
			if err := u.addField(i, f); err != nil {
				return nil, err
			}
		}
	}
	if len(u.To) == 0 {
		u.warn("notification URI specifies no recipients")
	}
	return u, nil
}

func (u *URI) warn(format string, args ...any) {
	u.Warnings = append(u.Warnings, fmt.Sprintf(format, args...))
}

// addTo adds the recipients that stand before the "?".
func (u *URI) addTo(to string) error {
	if i := strings.IndexAny(to, ":;,="); i >= 0 {
		return fmt.Errorf("invalid character '%c' in 'to' part", to[i])
	}
	text, err := decode(to, "'to' part")
	if err != nil {
		return err
	}
	return u.addRecipients(text, false)
}

// addRecipients adds addresses that are separated by commas.
func (u *URI) addRecipients(list string, cc bool) error {
	for _, s := range strings.Split(list, ",") {
		r, err := ParseRecipient(s)
		if err != nil {
			return fmt.Errorf("invalid recipient '%.80s': %w", s, err)
		}
		r.Cc = cc
		i := slices.IndexFunc(u.To, func(have action.Recipient) bool { return strings.EqualFold(have.Address, r.Address) })
		switch {
		case i >= 0:
			u.To[i].Cc = u.To[i].Cc && cc
			u.warn("ignored duplicate recipient '%.80s'", s)
		case len(u.To) == MaxRecipients:
			u.warn("more than the maximum %d recipients specified; rest is discarded", MaxRecipients)
		default:
			u.To = append(u.To, r)
		}
	}
	return nil
}

// ParseRecipient reads one address, which may have a display name.
func ParseRecipient(s string) (action.Recipient, error) {
	a, err := message.ParseAddress(s)
	if err != nil {
		return action.Recipient{}, err
	}
	r := action.Recipient{Address: a.String()}
	if list := message.ParseAddresses(s); len(list) == 1 {
		r.Name = message.DecodeWords(list[0].Name)
	}
	return r, nil
}

// addField adds the i-th header field "name=value".
func (u *URI) addField(i int, field string) error {
	name, value, _ := strings.Cut(field, "=")
	name, err := decode(name, "header field name part")
	if err != nil {
		return err
	}
	if !validName(name) {
		return errors.New("invalid header field name")
	}
	if value, err = decode(value, "header field value part"); err != nil {
		return err
	}
	lower := strings.ToLower(name)
	if lower != "body" && strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r > 0x7f }) {
		return errors.New("invalid header field body")
	}
	if i >= MaxFields {
		if i == MaxFields {
			u.warn("more than the maximum %d headers specified; rest is discarded", MaxFields)
		}
		return nil
	}
	switch lower {
	case "to", "cc":
		return u.addRecipients(value, lower == "cc")
	case "subject":
		u.setOnce(&u.Subject, lower, value)
	case "body":
		u.setOnce(&u.Body, lower, value)
	default:
		u.addOther(name, value)
	}
	return nil
}

// setOnce takes the first of several fields.
func (u *URI) setOnce(to **string, name, value string) {
	if *to != nil {
		u.warn("ignored duplicate %s field", name)
		return
	}
	*to = &value
}

// addOther adds a field that is not reserved, Reply-To once (RFC 5322 section 3.6).
func (u *URI) addOther(name, value string) {
	switch {
	case slices.Contains(reserved, strings.ToLower(name)):
		u.warn("ignored reserved header field '%s'", name)
	case strings.EqualFold(name, "reply-to") &&
		slices.ContainsFunc(u.Fields, func(f message.Field) bool { return strings.EqualFold(f.Name, name) }):
		u.warn("ignored duplicate for unique header field '%s'", name)
	default:
		u.Fields = append(u.Fields, message.RawField(name, value))
	}
}

// decode takes the %-encoding away; where names the place of a bad character.
func decode(s, where string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			if !plain(s[i]) {
				return "", fmt.Errorf("invalid character '%c' in %s", s[i], where)
			}
			b.WriteByte(s[i])
			continue
		}
		var c byte
		if i+3 > len(s) || !hex(s[i+1], &c) || !hex(s[i+2], &c) || c == 0 {
			return "", errors.New("invalid % encoding")
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), nil
}

func hex(digit byte, c *byte) bool {
	i := strings.IndexByte("0123456789abcdef", digit|0x20)
	if digit < '0' || i < 0 {
		return false
	}
	*c = *c<<4 | byte(i)
	return true
}

// plain tells of a character that needs no encoding: qchar of RFC 6068 section
// 2, and "=", which a value may hold.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~!$'()*+,;:@=", c) >= 0
}

func validName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
}
