package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// units of time; any beginning of the name will do ("5 min", "5mins", "5 m").
var timeUnits = []struct {
	names []string
	unit  time.Duration
}{
	{[]string{"secs", "seconds"}, time.Second},
	{[]string{"mins", "minutes"}, time.Minute},
	{[]string{"msecs", "mseconds", "millisecs", "milliseconds"}, time.Millisecond},
	{[]string{"hours"}, time.Hour},
	{[]string{"days"}, 24 * time.Hour},
	{[]string{"weeks"}, 7 * 24 * time.Hour},
}

// ParseDuration reads a time as Dovecot writes it: "10s", "5 mins", "1 hour".
func ParseDuration(s string) (time.Duration, error) {
	number, unit, err := splitNumber(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time, such as \"30s\" or \"5 mins\"", s)
	}
	if unit == "" {
		if number == 0 {
			return 0, nil
		}
		return 0, fmt.Errorf("time %q has no unit: add one, such as \"s\" for seconds", s)
	}
	for _, u := range timeUnits {
		for _, name := range u.names {
			if strings.HasPrefix(name, strings.ToLower(unit)) {
				if number > math.MaxInt64/int64(u.unit) {
					return 0, fmt.Errorf("time %q is too long", s)
				}
				return time.Duration(number) * u.unit, nil
			}
		}
	}
	return 0, fmt.Errorf("time %q has an unknown unit", s)
}

// ParseSize reads a size as Dovecot writes it: bytes, or with B, k, M, G, T
// (powers of 1024), also as kB or KiB.
func ParseSize(s string) (int64, error) {
	number, unit, err := splitNumber(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size, such as \"10M\"", s)
	}
	letter := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(unit), "B"), "I")
	shift := strings.Index("KMGT", letter)*10 + 10
	switch {
	case letter == "" && !strings.EqualFold(unit, "I") && !strings.EqualFold(unit, "IB"):
		return number, nil
	case len(letter) != 1 || shift < 10:
		return 0, fmt.Errorf("size %q has an unknown unit", s)
	case number > math.MaxInt64>>shift:
		return 0, fmt.Errorf("size %q is too large", s)
	}
	return number << shift, nil
}

// splitNumber takes the number in front of a unit.
func splitNumber(s string) (int64, string, error) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	return n, strings.TrimSpace(s[end:]), err
}

// formatDuration writes a time as ParseDuration reads it.
func formatDuration(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d != 0 && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	if d == 0 {
		return "0"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "msecs"
}

// formatSize writes a size as ParseSize reads it.
func formatSize(n int64) string {
	for i, unit := range []string{"T", "G", "M", "k"} {
		shift := 40 - 10*i
		if n != 0 && n%(1<<shift) == 0 {
			return strconv.FormatInt(n>>shift, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", s)
}

// textOf writes a value of the file as Dovecot would: switches as yes and no, a
// list with blanks between.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		if v {
			return "yes", nil
		}
		return "no", nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any:
		var words []string
		for _, e := range v {
			word, err := textOf(e)
			if err != nil {
				return "", err
			}
			words = append(words, word)
		}
		return strings.Join(words, " "), nil
	}
	return "", errors.New("expected a string, got " + kindOf(value))
}

// kindOf names a TOML type.
func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a number with a fraction"
	case []any, []map[string]any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time:
		return "a date"
	}
	return fmt.Sprintf("a %T", value)
}
