package engine

import (
	"strings"

	"dovetail/internal/message"
)

// What follows is shared by the extensions that send a mail about the message.

// IsAutomatic tells whether the message came from a program and not from a
// person: it has an Auto-Submitted field that does not say "no" (RFC 3834
// section 5). Nothing may answer such a message, lest two programs write to each
// other for ever.
func (r *Run) IsAutomatic() bool {
	for f := range r.original.Header("Auto-Submitted") {
		word, _, _ := strings.Cut(f.Value(), ";")
		if !strings.EqualFold(strings.TrimSpace(word), "no") {
			return true
		}
	}
	return false
}

// Text makes a message of header fields and a text in UTF-8.
func Text(fields []message.Field, text string) *message.Message {
	charset, encoding := "us-ascii", "7bit"
	if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
		charset, encoding = "utf-8", "8bit"
	}
	fields = append(fields,
		message.RawField("MIME-Version", "1.0"),
		message.RawField("Content-Type", "text/plain; charset="+charset),
		message.RawField("Content-Transfer-Encoding", encoding),
	)
	return message.Parse([]byte("\n" + text + "\n")).Prepend(fields...)
}

// Importance gives the fields that tell how much a notification matters: 1 high, 2 normal, 3 low.
func Importance(n int) []message.Field {
	names := [][2]string{{"1 (Highest)", "High"}, {"3 (Normal)", "Normal"}, {"5 (Lowest)", "Low"}}[n-1]
	return []message.Field{message.RawField("X-Priority", names[0]), message.RawField("Importance", names[1])}
}
