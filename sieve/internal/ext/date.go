package ext

import (
	"fmt"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "date", Spec: "RFC 5260 sections 4 and 5",
	Commands: []engine.Command{
		{
			Name: "date", Match: true, Test: compileDate,
			Params: []engine.Param{
				{Name: "header name", Kind: engine.String},
				{Name: "date part", Kind: engine.String},
				{Name: "key list", Kind: engine.StringList},
			},
			Tags: []engine.Tag{engine.ZoneTag(), {Name: "originalzone", Group: "ZONE"}},
		},
		{
			Name: "currentdate", Match: true, Test: compileCurrentdate,
			Params: []engine.Param{
				{Name: "date part", Kind: engine.String},
				{Name: "key list", Kind: engine.StringList},
			},
			Tags: []engine.Tag{engine.ZoneTag()},
		},
	},
})

// dateParts are the parts of RFC 5260 section 4.2. A zero offset has a positive
// sign in zone, and is Z in iso8601 (RFC 3339).
var dateParts = map[string]func(t time.Time) string{
	"year":    func(t time.Time) string { return fmt.Sprintf("%04d", t.Year()) },
	"month":   layout("01"),
	"day":     layout("02"),
	"date":    layout("2006-01-02"),
	"julian":  julian,
	"hour":    layout("15"),
	"minute":  layout("04"),
	"second":  layout("05"),
	"time":    layout("15:04:05"),
	"iso8601": layout("2006-01-02T15:04:05Z07:00"),
	"std11":   layout("Mon, 02 Jan 2006 15:04:05 -0700"),
	"zone":    layout("-0700"),
	"weekday": func(t time.Time) string { return strconv.Itoa(int(t.Weekday())) },
}

func layout(s string) func(time.Time) string {
	return func(t time.Time) string { return t.Format(s) }
}

// julian is the Modified Julian Day of the date, whatever the time of day: days
// since 1858-11-17, which was 40587 days before the day zero of Unix.
func julian(t time.Time) string {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return strconv.FormatInt(day.Unix()/86400+40587, 10)
}

// datePartOf gives how a test writes the part of a date that its i-th argument
// names. A part that nobody knows is no error, as with Pigeonhole: it gives nil,
// and the test is false. A warning says so.
func datePartOf(c *engine.Call, i int) func(r *engine.Run) func(time.Time) string {
	const unknown = "specified date part `%s' is not known"
	name := c.Str(i)
	if part, known := name.Const(); known && dateParts[strings.ToLower(part)] == nil {
		c.Warnf(name.Pos, unknown, part)
	}
	return func(r *engine.Run) func(time.Time) string {
		format := dateParts[strings.ToLower(name.Eval(r))]
		if format == nil {
			r.Warn(name.Pos, unknown, name.Eval(r))
		}
		return format
	}
}

// compileDate matches the date in the first field of a name, or in that which
// :index picks (RFC 5260 section 4). Without a date that can be read it is false.
func compileDate(c *engine.Call) (engine.Cond, error) {
	c.WarnHeaderNames(0)
	name, part, m, fields := c.Str(0), datePartOf(c, 1), c.Matcher(), c.Fields()
	original := c.Tag("originalzone") != nil
	return func(r *engine.Run) (bool, error) {
		format := part(r)
		if format == nil {
			return false, nil
		}
		list, err := fields(r, name.Eval(r))
		if err != nil {
			return false, err
		}
		x := m.Begin(r)
		if len(list) == 0 {
			return x.End(nil)
		}
		value := list[0].Value()
		if err := r.Spend(16 * len(value)); err != nil {
			return false, err
		}
		t, ok := parseDate(value)
		if !ok {
			return x.End(nil)
		}
		if !original {
			t = t.In(c.Zone(r))
		}
		return x.End(x.Value(format(t)))
	}, nil
}

// started is the time that currentdate tells: one and the same during a run.
var started = engine.NewState(func() *time.Time { return &time.Time{} })

func compileCurrentdate(c *engine.Call) (engine.Cond, error) {
	part, m := datePartOf(c, 0), c.Matcher()
	return func(r *engine.Run) (bool, error) {
		format := part(r)
		if format == nil {
			return false, nil
		}
		now := started.Of(r)
		if now.IsZero() {
			*now = r.Now()
		}
		return m.Match(r, format(now.In(c.Zone(r))))
	}, nil
}

// oldZones are the names of zones in dates (RFC 5322 section 4.3), in hours from UTC.
var oldZones = map[string]string{
	"UT": "+0000", "GMT": "+0000", "UTC": "+0000", "Z": "+0000", "EST": "-0500", "EDT": "-0400", "CST": "-0600",
	"CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}

var (
	leapSecond = regexp.MustCompile(`(\d\d:\d\d):60\b`)
	colons     = regexp.MustCompile(`[ \t]*:[ \t]*`)
	commas     = regexp.MustCompile(`[ \t]+,`)
	months     = regexp.MustCompile(`(?i)\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]+`)
	offset     = regexp.MustCompile(`^[+-]\d{4}$`)
)

// maxDate bounds the bytes of a date.
const maxDate = 1000

// parseDate reads the date of a field, in its own zone: the whole value, or in
// a trace field what follows the last semicolon (RFC 5321 section 4.4). White space
// may stand in it (RFC 5322 section 4.3). As with Dovecot months may be written out,
// and a date without a zone that can be read is one of UTC.
func parseDate(value string) (time.Time, bool) {
	value = message.WithoutComments(value)
	if i := strings.LastIndexByte(value, ';'); i >= 0 {
		value = value[i+1:]
	}
	if value = strings.TrimSpace(value); len(value) > maxDate {
		return time.Time{}, false
	}
	value = commas.ReplaceAllString(colons.ReplaceAllString(value, ":"), ",")
	value = months.ReplaceAllString(value, "$1")
	value = leapSecond.ReplaceAllString(value, "$1:59") // no clock here knows one
	if i := strings.LastIndexAny(value, " \t"); i >= 0 {
		zone := strings.ToUpper(value[i+1:])
		if old, ok := oldZones[zone]; ok {
			value = value[:i+1] + old
		} else if zone != "" && (zone[0] < '0' || zone[0] > '9') && !offset.MatchString(zone) {
			value = value[:i+1] + "+0000" // as -0000: unknown
		}
	}
	t, err := mail.ParseDate(value)
	if err != nil {
		t, err = mail.ParseDate(value + " +0000")
	}
	return t, err == nil
}
