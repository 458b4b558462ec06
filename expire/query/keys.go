package query

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// keys gives what reads each key.
func keys() map[string]keyFunc {
	all := map[string]keyFunc{
		"OR": (*parser).or, "NOT": (*parser).not,
		"ALL": plain(All{}), "SAVEDATESUPPORTED": plain(All{}),
		"NEW":     plain(And{[]Node{Flag{`\Recent`}, Not{Flag{`\Seen`}}}}),
		"OLD":     plain(Not{Flag{`\Recent`}}),
		"RECENT":  plain(Flag{`\Recent`}),
		"KEYWORD": text("a keyword", func(v string) Node { return Keyword{v} }),
		"UNKEYWORD": text("a keyword", func(v string) Node {
			return Not{Keyword{v}}
		}),
		"INTHREAD": (*parser).inThread, "MIMEPART": (*parser).mimePart,
		"OLDER": (*parser).older, "YOUNGER": (*parser).younger,
		"LARGER": sizeKey(true), "SMALLER": sizeKey(false),
		"SUBJECT":    text("a text", func(v string) Node { return Header{Field: "Subject", Text: v, Folded: true} }),
		"HEADER":     (*parser).header,
		"BODY":       text("a text", func(v string) Node { return Text{Text: v, BodyOnly: true} }),
		"TEXT":       text("a text", func(v string) Node { return Text{Text: v} }),
		"MAILBOX":    checked("a mailbox's name", mailboxName),
		"X-MAILBOX":  checked("a mailbox's name in modified UTF-7", wireName),
		"FUZZY":      func(p *parser, _ int) (Node, error) { return p.key() },
		"OLDESTONLY": func(p *parser, _ int) (Node, error) { p.oldestOnly = true; return All{}, nil },
	}
	for key, flag := range map[string]string{
		"ANSWERED": `\Answered`, "DELETED": `\Deleted`, "DRAFT": `\Draft`, "FLAGGED": `\Flagged`, "SEEN": `\Seen`,
	} {
		all[key], all["UN"+key] = plain(Flag{flag}), plain(Not{Flag{flag}})
	}
	for _, field := range []string{"From", "To", "Cc", "Bcc"} {
		all[strings.ToUpper(field)] = text("a text", func(v string) Node { return Header{Field: field, Text: v, Addresses: true} })
	}
	for _, clock := range []Clock{Received, Sent, Saved} {
		for _, relation := range []Relation{Before, On, Since} {
			key := dateKey(clock, relation)
			all[string(clock)+string(relation)] = key
			if clock == Saved {
				all["X-"+string(clock)+string(relation)] = key
			}
		}
	}
	for _, key := range []string{"UID", "X-REAL-UID"} {
		all[key] = checked("a set of UIDs", func(v string) (Node, error) { set, err := parseSet(v); return UID{set}, err })
	}
	for _, key := range []string{"GUID", "X-GUID", "EMAILID"} {
		all[key] = text("an id", func(v string) Node { return GUID{v} })
	}
	for _, key := range []string{"MAILBOX-GUID", "MAILBOXID"} {
		all[key] = text("a mailbox's id", func(v string) Node { return MailboxID{v} })
	}
	return all
}

func plain(n Node) keyFunc { return func(*parser, int) (Node, error) { return n, nil } }

// text reads a key with a value of any form.
func text(what string, node func(string) Node) keyFunc {
	return checked(what, func(v string) (Node, error) { return node(v), nil })
}

// checked reads a key with a value that node checks.
func checked(what string, node func(string) (Node, error)) keyFunc {
	return func(p *parser, at int) (Node, error) {
		v, err := p.value(at, what)
		if err != nil {
			return nil, err
		}
		n, err := node(v)
		if err != nil {
			return nil, p.fail(at+1, "%v", err)
		}
		return n, nil
	}
}

func (p *parser) or(int) (Node, error) {
	n, err := p.key()
	p.ored = true
	return n, err
}

func (p *parser) not(int) (Node, error) {
	n, err := p.key()
	if err != nil {
		return nil, err
	}
	return Not{n}, nil
}

// modSeq reads what RFC 7162 section 3.1.5 has behind the key: /flags/NAME TYPE, and a number.
func (p *parser) modSeq(at int) (n Node, err error) {
	var m ModSeq
	v, err := p.value(at, "a number")
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(v, "/flags/") {
		m.Entry = v
		if m.Type, err = p.value(at, "all, priv or shared, and a number"); err != nil {
			return nil, err
		}
		if m.Type = strings.ToLower(m.Type); m.Type != "all" && m.Type != "priv" && m.Type != "shared" {
			return nil, p.fail(at+2, "expected all, priv or shared")
		}
		if v, err = p.value(at, "a number"); err != nil {
			return nil, err
		}
	}
	if m.Least, err = strconv.ParseUint(v, 10, 63); err != nil {
		return nil, p.fail(p.at-1, "expected a number")
	}
	return m, nil
}

func (p *parser) inThread(at int) (Node, error) {
	const ways = "REFS, REFERENCES or ORDEREDSUBJECT"
	v, err := p.value(at, ways+" and a key")
	if err != nil {
		return nil, err
	}
	way := Threading(strings.ToUpper(v))
	if way != Refs && way != References && way != OrderedSubject {
		return nil, p.fail(at+1, "expected %s", ways)
	}
	part, err := p.key()
	return InThread{way, part}, err
}

func (p *parser) header(at int) (Node, error) {
	field, err := p.value(at, "the name of a field and a text")
	if err != nil {
		return nil, err
	}
	v, err := p.value(at, "a text behind the field's name")
	return Header{Field: field, Text: v}, err
}

func dateKey(clock Clock, relation Relation) keyFunc {
	return func(p *parser, at int) (Node, error) {
		v, err := p.value(at, "a date")
		if err != nil {
			return nil, err
		}
		d := Date{Clock: clock, Relation: relation}
		if clock == Received {
			d.Clock = p.options.Clock
		}
		if err := p.options.date(v, &d); err != nil {
			return nil, p.fail(at+1, "%v", err)
		}
		p.doubt(at+1, v, d)
		return d, nil
	}
}

// The times that mail has, roughly: other ones are mistakes.
const (
	firstMail = 200_000_000 // 1976, and any count of days, hours or minutes somebody writes
	future    = 2 * day
)

// doubt warns of a date that no mail has.
func (p *parser) doubt(at int, v string, d Date) {
	warn := func(text string) {
		p.warnings = append(p.warnings, Warning{Text: "word " + strconv.Itoa(at+1) + ", " + strconv.Quote(v) + ": " + text})
	}
	late := d.At > p.options.Now.Unix()+future
	matches := "so the key matches nothing, and after NOT everything"
	if d.Relation == Since && !late || d.Relation == Before && late {
		matches = "so the key matches everything, and after NOT nothing"
	}
	switch {
	case isDigits(v) && d.At < firstMail:
		warn("a number is a Unix time, this one in " + strconv.Itoa(time.Unix(d.At, 0).UTC().Year()) + ", " + matches + "; with a unit (" + v + "d) it is how long ago")
	case d.At < 0:
		warn("that is before 1970, " + matches)
	case late:
		warn("that is in the future, " + matches)
	}
}

func (p *parser) older(at int) (Node, error) {
	n, err := p.seconds(at)
	// RFC 5032 section 3: OLDER matches what is that old as well, BEFORE does not.
	return Date{Clock: p.options.Clock, Relation: Before, At: p.options.Now.Unix() - n + 1}, err
}

func (p *parser) younger(at int) (Node, error) {
	n, err := p.seconds(at)
	return Date{Clock: p.options.Clock, Relation: Since, At: p.options.Now.Unix() - n}, err
}

func (p *parser) seconds(at int) (int64, error) {
	v, err := p.value(at, "a number of seconds")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n <= 0 || n > math.MaxUint32 || !isDigits(v) {
		return 0, p.fail(at+1, "expected a number of seconds from 1, without a unit")
	}
	return n, nil
}

func sizeKey(larger bool) keyFunc {
	return checked("a size", func(v string) (Node, error) {
		n, err := size(v)
		return Size{Larger: larger, Bytes: n}, err
	})
}
