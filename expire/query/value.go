package query

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// aDate says what a date may be.
const aDate = "expected a date: 2026-11-01, 1-Nov-2026, a Unix time, or how long ago with a unit of s, m, h, d or w (7d)"

// date reads a date into At and Floating of d.
func (o *Options) date(text string, d *Date) error {
	if len(text) == len(time.DateOnly) && text[4] == '-' && text[7] == '-' {
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return fmt.Errorf("no such day; %s", aDate)
		}
		d.At, d.Floating = t.Unix(), true
		if o.Rules == Dovecot23 { // mktime(3), and compared with a time on the wall's clock all the same
			d.At = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, o.Zone).Unix()
		}
		return nil
	}
	short := strings.TrimPrefix(text, " ")
	if t, err := time.Parse("_2-Jan-2006", pad(short)); err == nil {
		d.At, d.Floating = t.Unix(), true
		return nil
	}
	if t, err := time.Parse("_2-Jan-2006 15:04:05 -0700", pad(short)); err == nil {
		d.At = t.Unix()
		return nil
	}
	if isDigits(text) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > math.MaxInt64/4 {
			return fmt.Errorf("too large for a Unix time; %s", aDate)
		}
		d.At = n
		return nil
	}
	ago, err := interval(text)
	if err != nil {
		return fmt.Errorf("%w; %s", err, aDate)
	}
	d.At = o.Now.Unix() - ago
	return nil
}

// pad makes a day of one digit one of two characters, as the layout has it.
func pad(text string) string {
	if len(text) > 1 && text[1] == '-' {
		return " " + text
	}
	return text
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// units of intervals; any beginning of a name stands for it, and the first one that fits.
var units = []struct {
	name    string
	seconds float64
}{
	{"secs", 1}, {"seconds", 1}, {"mins", 60}, {"minutes", 60}, {"hours", 60 * 60}, {"days", day}, {"weeks", 7 * day},
	{"msecs", 0.001}, {"mseconds", 0.001}, {"millisecs", 0.001}, {"milliseconds", 0.001},
}

// interval reads a number with a unit, as seconds.
func interval(text string) (int64, error) {
	n, unit, err := numbered(text)
	if err != nil {
		return 0, err
	}
	for _, u := range units {
		if unit == "" || len(unit) > len(u.name) || !strings.EqualFold(unit, u.name[:len(unit)]) {
			continue
		}
		seconds := float64(n) * u.seconds
		if seconds != math.Trunc(seconds) || seconds > math.MaxUint32 {
			return 0, fmt.Errorf("not a whole number of seconds in range")
		}
		return int64(seconds), nil
	}
	if unit == "" {
		return 0, fmt.Errorf("an interval without a unit")
	}
	return 0, fmt.Errorf("unknown unit %q (months and years have no fixed length)", unit)
}

// numbered cuts the number off that begins a text.
func numbered(text string) (n uint64, rest string, err error) {
	end := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if end == 0 {
		return 0, "", fmt.Errorf("no number")
	}
	n, err = strconv.ParseUint(text[:end], 10, 64)
	if err != nil {
		return 0, "", fmt.Errorf("number out of range")
	}
	return n, strings.TrimLeft(text[end:], " "), nil
}

// size reads a size in bytes.
func size(text string) (int64, error) {
	const expected = "expected a number of bytes, or with a unit of k, M, G or T (10M)"
	n, unit, err := numbered(text)
	if err != nil {
		return 0, fmt.Errorf("%w; %s", err, expected)
	}
	unit = strings.ToUpper(unit)
	shift := 0
	if unit != "" && unit != "B" {
		i := strings.IndexByte("KMGT", unit[0])
		if i < 0 || unit[1:] != "" && unit[1:] != "I" && unit[1:] != "B" && unit[1:] != "IB" {
			return 0, fmt.Errorf("unknown unit %q; %s", unit, expected)
		}
		shift = 10 * (i + 1)
	}
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("number out of range; %s", expected)
	}
	return int64(n) << shift, nil
}

// mailboxName makes a Mailbox of a name as doveadm writes it.
func mailboxName(name string) (Node, error) {
	if !utf8.ValidString(name) {
		return nil, fmt.Errorf("a mailbox's name that is not UTF-8")
	}
	if name == "" {
		return nil, fmt.Errorf("expected a mailbox's name")
	}
	return Mailbox{Name: name, Pattern: strings.ContainsAny(name, "*%")}, nil
}

// wireName makes a Mailbox of a name as IMAP writes it, in modified UTF-7.
func wireName(name string) (Node, error) {
	if strings.Contains(name, "&") {
		return nil, fmt.Errorf("a name in modified UTF-7; write MAILBOX, and the name in UTF-8")
	}
	return mailboxName(name)
}
