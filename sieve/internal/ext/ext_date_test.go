package ext

import (
	"testing"
	"time"
)

// Dates as they are found in mail; "" for what is none. Pigeonhole reads the same,
// unless said.
func TestParseDate(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{"Thu, 1 Jan 2026 10:00:00 +0100", "2026-01-01T10:00:00+01:00"},
		{"1 jan 2026 1:02:03 -0000", "2026-01-01T01:02:03Z"},
		{"from x by y; Thu, 1 Jan 2026 10:00:00 +0100", "2026-01-01T10:00:00+01:00"},
		{"Thu, 1 Jan 2026 10:00:00", "2026-01-01T10:00:00Z"},
		{"1 Jan 26 10:00 EST", "2026-01-01T10:00:00-05:00"},
		{"Thu, 1 Jan 2026 23:59:60 +0000", "2026-01-01T23:59:59Z"},
		// Comments, also in each other
		{"Thu, 1 (a) Jan 2026 10:00:00 +0100 (CET)", "2026-01-01T10:00:00+01:00"},
		{`Thu, 1 Jan 2026 10:00:00 +0100 (CET (x \) (y)))`, "2026-01-01T10:00:00+01:00"},
		// RFC 5322 section 4.3
		{"Thu , 1 Jan 2026 10 : 00 : 00 +0100", "2026-01-01T10:00:00+01:00"},
		{"1 Jan 2049 10:00:00 A", "2049-01-01T10:00:00Z"}, // Pigeonhole: +0100
		// What no RFC knows
		{"Thu, 1 January 2026 10:00:00 +0100", "2026-01-01T10:00:00+01:00"},
		{"1 Jan 2026 10:00:00 +01:00", "2026-01-01T10:00:00Z"},
		{"1 Jan 2026 10:00:00 GMT+0100", "2026-01-01T10:00:00Z"},
		{"1 Jan 2026 10:00:00 +100", "2026-01-01T10:00:00Z"},
		{"1 Jan 2026 10:00:00 CET", "2026-01-01T10:00:00Z"},
		{"32 Jan 2026 10:00:00 +0100", ""},
		{"1 Jan 2026 25:00:00 +0100", ""},
		{"Thu, 1 Jan 2026", ""},
		{"Thu, 1 Jan 126 10:00:00 GMT", ""},
		{"2026-01-01T10:00:00Z", ""},
		{"(", ""},
		{"", ""},
	} {
		got := ""
		if at, ok := parseDate(tt.value); ok {
			got = at.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.value, got, tt.want)
		}
	}
}
