package lmtp

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dovetail/internal/mailerr"
	"dovetail/internal/message"
)

// badReply is the reply to a command that cannot be understood or done.
type badReply struct {
	code int
	text string
}

var tooLarge = &badReply{552, "5.3.4 Message is too large"}

func syntaxError(text string) *badReply { return &badReply{501, "5.5.4 " + text} }

// parseMail takes apart the argument of MAIL (RFC 5321 section 4.1.1.2).
func parseMail(arg string) (*Transaction, *badReply) {
	from, params, ok := parsePath(arg, "FROM:")
	if !ok {
		return nil, &badReply{501, "5.1.7 Bad sender address syntax"}
	}
	tx := &Transaction{From: from}
	for param := range strings.FieldsSeq(params) {
		if bad := tx.setParam(param); bad != nil {
			return nil, bad
		}
	}
	return tx, nil
}

func (tx *Transaction) setParam(param string) *badReply {
	name, value, has := strings.Cut(param, "=")
	ok := has
	switch strings.ToUpper(name) {
	case "SIZE":
		size, err := strconv.ParseUint(value, 10, 63)
		tx.Size, ok = int64(size), err == nil
	case "BODY":
		tx.Body = strings.ToUpper(value)
		ok = tx.Body == "7BIT" || tx.Body == "8BITMIME"
	case "SMTPUTF8":
		tx.SMTPUTF8, ok = true, !has
	case "AUTH":
		if value != "<>" {
			tx.Auth, ok = decodeXtext(value)
		}
	case "RET":
		tx.Ret = strings.ToUpper(value)
		ok = tx.Ret == "FULL" || tx.Ret == "HDRS"
	case "ENVID":
		tx.EnvID, ok = decodeXtext(value)
	case "BY":
		tx.By, ok = parseBy(value, time.Now())
	default:
		return &badReply{555, "5.5.4 Unsupported parameter of MAIL"}
	}
	if !ok {
		return syntaxError("Bad value of " + strings.ToUpper(name))
	}
	return nil
}

// maxRecipient is the longest address of a recipient, so that the reply with it
// fits into a line; RFC 5321 section 4.5.3.1.3 has 254.
const maxRecipient = 400

// parseRcpt takes apart the argument of RCPT (RFC 5321 section 4.1.1.3).
func parseRcpt(arg string) (Recipient, *badReply) {
	to, params, ok := parsePath(arg, "TO:")
	if !ok || len(to) > maxRecipient {
		return Recipient{}, &badReply{501, "5.1.3 Bad recipient address syntax"}
	}
	rcpt := Recipient{Address: to}
	for param := range strings.FieldsSeq(params) {
		name, value, _ := strings.Cut(param, "=")
		switch strings.ToUpper(name) {
		case "ORCPT":
			ok = rcpt.setORcpt(value)
		case "NOTIFY":
			rcpt.Notify = strings.ToUpper(value)
			ok = isNotify(rcpt.Notify)
		default:
			return Recipient{}, &badReply{555, "5.5.4 Unsupported parameter of RCPT"}
		}
		if !ok {
			return Recipient{}, syntaxError("Bad value of " + strings.ToUpper(name))
		}
	}
	return rcpt, nil
}

// isNotify tells whether value is one of NOTIFY: NEVER alone, or a list of others
// (RFC 3461 section 4.1).
func isNotify(value string) bool {
	if value == "NEVER" {
		return true
	}
	for word := range strings.SplitSeq(value, ",") {
		if word != "SUCCESS" && word != "FAILURE" && word != "DELAY" {
			return false
		}
	}
	return true
}

// setORcpt takes the value of ORCPT (RFC 3461 section 4.2). Addresses of mail have
// the type rfc822, or utf-8 (RFC 6533 section 3).
func (r *Recipient) setORcpt(value string) bool {
	kind, encoded, typed := strings.Cut(value, ";")
	address, ok := decodeXtext(encoded)
	if !ok || !typed || kind == "" || !isText(kind) {
		return false
	}
	r.ORcpt = kind + ";" + address
	if strings.EqualFold(kind, "rfc822") || strings.EqualFold(kind, "utf-8") {
		r.OrigTo = address
	}
	return true
}

// parseBy takes the value of BY, given at a time (RFC 2852 section 4):
//
//	by-value = by-time ";" by-mode [by-trace]
//	by-time = ["-" / "+"] 1*9digit
//	by-mode = "N" / "R"
//	by-trace = "T"
//
// With R the time must be positive.
func parseBy(value string, now time.Time) (*message.DeliverBy, bool) {
	number, mode, ok := strings.Cut(value, ";")
	digits := strings.TrimPrefix(strings.TrimPrefix(number, "-"), "+")
	if !ok || len(digits) > 9 || len(number)-len(digits) > 1 {
		return nil, false
	}
	seconds, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return nil, false
	}
	in := time.Duration(seconds) * time.Second
	if number[0] == '-' {
		in = -in
	}
	by := &message.DeliverBy{Time: now.Add(in)}
	switch strings.ToUpper(mode) {
	case "N":
	case "NT":
		by.Trace = true
	case "R":
		by.Return = true
	case "RT":
		by.Return, by.Trace = true, true
	default:
		return nil, false
	}
	return by, !by.Return || in > 0
}

// overdue gives the error of a message that was to be delivered by a time which
// is over, or else returned (RFC 2852 section 4.1.3).
func (tx *Transaction) overdue(now time.Time) error {
	if tx.By == nil || !tx.By.Return || now.Before(tx.By.Time) {
		return nil
	}
	return &mailerr.Error{Class: mailerr.Permanent, Code: 554, Status: [3]int{5, 4, 7}, Public: "Delivery time expired"}
}

// parsePath takes a path in angle brackets off the front of arg, after keyword,
// and gives the address in it, without a source route (RFC 5321 appendix C), and
// what follows. Addresses without a domain and in UTF-8 are taken as they are.
func parsePath(arg, keyword string) (address, rest string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", "", false
	}
	arg = strings.TrimLeft(arg[len(keyword):], " ")
	if !strings.HasPrefix(arg, "<") {
		return "", "", false
	}
	n := pathEnd(arg)
	if n < 0 {
		return "", "", false
	}
	address, rest = arg[1:n], arg[n+1:]
	if rest != "" && rest[0] != ' ' {
		return "", "", false
	}
	if strings.HasPrefix(address, "@") {
		_, address, _ = strings.Cut(address, ":")
		if address == "" {
			return "", "", false
		}
	}
	return address, rest, isText(address)
}

// pathEnd gives the index of the '>' that closes the path, -1 without one. White
// space and angle brackets may stand in a quoted string only (RFC 5321 section 4.1.2).
func pathEnd(path string) int {
	quoted := false
	for i := 1; i < len(path); i++ {
		switch c := path[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '>':
			return i
		case c == '<' || c == ' ':
			return -1
		}
	}
	return -1
}

// isText tells whether s is UTF-8 without control characters, so that it can
// stand in a header field, a log and another protocol's line.
func isText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// decodeXtext decodes RFC 3461 section 4: "+" and two hexadecimal digits for a byte.
func decodeXtext(s string) (string, bool) {
	if strings.Contains(s, "+") {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			c := s[i]
			if c == '+' {
				if i+3 > len(s) {
					return "", false
				}
				v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
				if err != nil {
					return "", false
				}
				c = byte(v)
				i += 2
			}
			b.WriteByte(c)
		}
		s = b.String()
	}
	return s, isText(s)
}
