package watch

import (
	"strings"

	"dovetail/internal/message"
)

// verdicts are the header fields in which filters say that a message is spam, and
// how the value begins then, in lower case.
var verdicts = map[string]string{
	"x-spam-flag":     "yes",
	"x-spam-status":   "yes",
	"x-spam":          "yes",
	"x-spam_action":   "reject",
	"x-rspamd-action": "reject",
	"x-spamd-result":  "default: true",
	"x-bogosity":      "spam",
}

// calledSpam tells whether a filter has called the message spam.
func calledSpam(m *message.Message) bool {
	for _, f := range m.Fields() {
		begin, ok := verdicts[strings.ToLower(f.Name)]
		if ok && strings.HasPrefix(strings.ToLower(strings.TrimSpace(f.Value())), begin) {
			return true
		}
	}
	return false
}
