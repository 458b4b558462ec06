package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Size reads a size in bytes as Dovecot writes it: a number with an optional
// unit B, k, M, G or T. Missing or empty gives def; so does an error, which
// tells of a bad value or of one below min.
func (s Settings) Size(key string, def, min uint64) (uint64, error) {
	v := strings.TrimSpace(s[key])
	if v == "" {
		return def, nil
	}
	digits := strings.TrimRight(v, " bBkKmMgGtTi")
	n, err := strconv.ParseUint(digits, 10, 64)
	shift, ok := map[string]int{"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
		"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40}[strings.ToLower(strings.TrimSpace(v[len(digits):]))]
	if err != nil || !ok || n > (1<<63)>>shift {
		return def, fmt.Errorf("%s: invalid size %q", key, v)
	}
	if n <<= shift; n < min {
		return def, fmt.Errorf("%s: %q is less than the minimum of %d", key, v, min)
	}
	return n, nil
}

// Duration reads a time span as Dovecot writes it: a number with a unit s, m, h,
// d or w; without one it is seconds. Missing or empty gives def; so does an error.
func (s Settings) Duration(key string, def time.Duration) (time.Duration, error) {
	v := strings.TrimSpace(s[key])
	if v == "" {
		return def, nil
	}
	digits := strings.TrimRight(v, " abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseUint(digits, 10, 31)
	unit, ok := map[string]time.Duration{
		"": time.Second, "s": time.Second, "sec": time.Second, "secs": time.Second, "ms": time.Millisecond,
		"m": time.Minute, "min": time.Minute, "mins": time.Minute, "h": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	}[strings.TrimSpace(v[len(digits):])]
	if err != nil || !ok {
		return def, fmt.Errorf("%s: invalid time %q", key, v)
	}
	return time.Duration(n) * unit, nil
}

// Bool reads yes or no as Dovecot does: every value but the empty one and those
// that begin with n, f or 0 is yes.
func (s Settings) Bool(key string, def bool) bool {
	v := strings.ToLower(strings.TrimSpace(s[key]))
	if v == "" {
		return def
	}
	return !strings.ContainsAny(v[:1], "nf0")
}
