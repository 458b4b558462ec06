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

// calledSpam gives the name of the field in which a filter calls the message spam, ""
// when none does.
func (w *Watcher) calledSpam(m *message.Message) string {
	for _, f := range m.Fields() {
		begin, ok := verdicts[strings.ToLower(f.Name)]
		value := strings.ToLower(strings.TrimSpace(f.Value()))
		if ok && strings.HasPrefix(value, begin) || strings.EqualFold(f.Name, w.ScoreField) && strings.HasPrefix(value, "yes") {
			return f.Name
		}
	}
	return ""
}
