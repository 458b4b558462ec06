package mbox

import (
	"bytes"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fromLine is a parsed From_ line.
type fromLine struct {
	sender   string
	received time.Time
}

// parseFrom reads a From_ line; false when it has not the shape of one. The sender
// is all before the day of the week: it may hold spaces or be missing. What follows the
// date ("remote from HOST") means nothing.
func parseFrom(line []byte, local *time.Location) (f fromLine, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(Begin))
	if !ok || len(rest) > maxFrom {
		return f, false
	}
	words := strings.Fields(string(rest))
	for i := len(words) - 1; i >= 0; i-- {
		day := strings.TrimSuffix(words[i], ",")
		if !slices.Contains(weekdays, day) {
			continue
		}
		f.sender = strings.Join(words[:i], " ")
		if f.received, ok = parseDate(words[i:], local); ok {
			return f, true
		}
	}
	return f, false
}

// maxFrom bounds the bytes of a From_ line: an address has at most 320.
const maxFrom = 1000

var weekdays = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

// parseDate reads a date that begins with the day of the week: as asctime(3) writes it, with a
// zone before or after the year, with or without seconds; or as in RFC 5322 section 3.3.
func parseDate(words []string, local *time.Location) (time.Time, bool) {
	if strings.HasSuffix(words[0], ",") {
		at, err := mail.ParseDate(strings.Join(words, " "))
		return at, err == nil
	}
	if len(words) < 5 {
		return time.Time{}, false
	}
	year, zone := words[4], ""
	if !isYear(year) { // a zone, or two words of one: "MET DST"
		zone = year
		for _, w := range words[5:min(len(words), 7)] {
			if isYear(w) {
				year = w
				break
			}
		}
	} else if len(words) > 5 {
		zone = words[5]
	}
	clock := words[3]
	if strings.Count(clock, ":") == 1 {
		clock += ":00"
	}
	text := strings.Join([]string{words[1], words[2], clock, year}, " ")
	at, err := time.ParseInLocation("Jan 2 15:04:05 2006", text, zoneOf(zone, local))
	return at, err == nil
}

func isYear(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && len(s) == 4 && n >= 1970
}

// zones are those that RFC 5322 section 4.3 gives a meaning, in hours.
var zones = map[string]int{
	"UTC": 0, "UT": 0, "GMT": 0, "Z": 0, "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8,
}

// zoneOf gives the zone of a name or an offset; the local one when it is neither.
func zoneOf(name string, local *time.Location) *time.Location {
	if hours, ok := zones[name]; ok {
		return time.FixedZone(name, hours*3600)
	}
	if at, err := time.Parse("-0700", name); err == nil {
		return at.Location()
	}
	return local
}

// isField tells whether a line begins like a header field (RFC 5322 section 2.2).
func isField(line []byte) bool {
	name, _, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	return ok && len(name) > 0 && !bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}
