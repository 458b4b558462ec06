package mbox

import (
	"strings"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// hidden are the fields that belong to the folder and not to the message. Dovecot's
// mbox driver hides the same from IMAP.
var hidden = map[string]bool{
	"content-length": true, "status": true, "x-status": true, "x-keywords": true,
	"x-imap": true, "x-imapbase": true, "x-uid": true,
}

// letters are the flags in Status and X-Status. O, which says that a client
// has seen the folder since, has no flag in IMAP.
var letters = map[string]map[rune]string{
	"status":   {'R': `\Seen`},
	"x-status": {'A': `\Answered`, 'F': `\Flagged`, 'T': `\Draft`, 'D': `\Deleted`},
}

// Unpack gives a message without what the folder keeps in its header (Status, X-Status,
// X-Keywords, X-UID, X-IMAP, X-IMAPbase, Content-Length), and the flags
// and keywords that were there.
func Unpack(m *message.Message) (mail *message.Message, flags []string) {
	var fields []message.Field
	add := func(flag string) {
		if flag != "" && !mailstore.HasFlag(flags, flag) {
			flags = append(flags, flag)
		}
	}
	for _, f := range m.Fields() {
		name := strings.ToLower(f.Name)
		if !hidden[name] {
			fields = append(fields, f)
			continue
		}
		for _, letter := range f.Value() {
			add(letters[name][letter])
		}
		if name == "x-keywords" {
			for keyword := range strings.FieldsSeq(f.Value()) {
				add(keyword)
			}
		}
	}
	if len(fields) == len(m.Fields()) {
		return m, nil
	}
	return m.WithFields(fields), flags
}

// IsFolderData tells whether the first message of a file is none: UW IMAP and Pine keep what they know
// of the folder in a message that has X-IMAP, and show it to nobody.
func IsFolderData(m *message.Message) bool {
	_, found := m.Get("X-IMAP")
	return found
}
