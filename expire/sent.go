package expire

import (
	"iter"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/message"
)

// SentAt gives the time of a message's Date field, as sentAt does.
func SentAt(m *message.Message) (at int64, offset int) { return sentAt(m.Header("Date")) }

// sentAt gives the time of the first of the Date fields, and its zone's offset from UTC in
// seconds. Without a field that can be read it is the beginning of 1970, as in Dovecot.
func sentAt(dates iter.Seq[message.Field]) (at int64, offset int) {
	for f := range dates {
		at, offset, ok := parseDate(f.Value())
		if !ok {
			break
		}
		return at, offset
	}
	return 0, 0
}

var months = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// parseDate reads a date just as leniently as Dovecot does, so that the same messages
// count as sent in 1970:
//
//	[weekday ","] day month year hour ":" minute [":" second] [zone]
func parseDate(value string) (at int64, offset int, ok bool) {
	words := dateWords(value)
	if len(words) > 2 && len(words[0]) == 3 && words[1] == "," {
		words = words[2:]
	}
	if len(words) < 6 || !isColon(words[4]) {
		return 0, 0, false
	}
	date, ok1 := dayOf(words[0], words[1], words[2])
	hour, ok2 := digits(words[3], 1, 2)
	minute, ok3 := digits(words[5], 2, 2)
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 {
		return 0, 0, false
	}
	second := 0
	if words = words[6:]; len(words) > 0 && isColon(words[0]) {
		if len(words) < 2 {
			return 0, 0, false
		}
		if second, ok = digits(words[1], 2, 2); !ok || second > 60 {
			return 0, 0, false
		}
		second = min(second, 59)
		words = words[2:]
	}
	if len(words) > 0 {
		offset = zoneOffset(words[0])
	}
	return date.Unix() + int64(hour*60*60+minute*60+second-offset), offset, true
}

func isColon(word string) bool { return word == ":" || word == "." }

// dayOf gives a day's midnight.
func dayOf(dayText, monthText, yearText string) (time.Time, bool) {
	n, ok := digits(dayText, 1, 2)
	year, ok2 := digits(yearText, 2, 4)
	month := 0
	for i, name := range months {
		if len(monthText) >= 3 && strings.EqualFold(monthText[:3], name) {
			month = i + 1
		}
	}
	switch len(yearText) {
	case 2:
		if year += 1900; year < 1970 {
			year += 100
		}
	case 3:
		ok = false
	}
	t := time.Date(year, time.Month(month), n, 0, 0, 0, 0, time.UTC)
	return t, ok && ok2 && month > 0 && t.Day() == n
}

// dateWords cuts a date into its words; a mark of punctuation is one.
func dateWords(value string) []string {
	spaced := strings.NewReplacer(",", " , ", ":", " : ", ".", " . ").Replace(message.WithoutComments(value))
	return strings.Fields(spaced)
}

func digits(text string, least, most int) (int, bool) {
	if len(text) < least || len(text) > most || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// zones are the names of RFC 5322 section 4.3, in hours.
var zones = map[string]int{
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}

// zoneOffset gives the offset of a zone in seconds; 0 for what is none.
func zoneOffset(text string) int {
	const hour = 60 * 60
	text = strings.ToUpper(text)
	sign := 1
	switch {
	case len(text) == 1:
		return military(text[0]) * hour
	case len(text) != 5:
		return zones[text] * hour
	case text[0] == '-':
		sign = -1
	case text[0] != '+':
		return 0
	}
	n, ok := digits(text[1:], 4, 4)
	if !ok {
		return 0
	}
	return sign * (n/100*60 + n%100) * 60
}

// military gives the hours of a zone with one letter.
func military(c byte) int {
	switch {
	case c >= 'A' && c <= 'I':
		return int(c-'A') + 1
	case c >= 'K' && c <= 'M':
		return int(c - 'A')
	case c >= 'N' && c <= 'Y':
		return int('M') - int(c)
	}
	return 0
}
