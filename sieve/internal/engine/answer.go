package engine

import (
	"slices"
	"strings"
)

// Unanswerable tells why nothing may answer the message automatically: nobody
// would read it, or many would (RFC 5230 section 4.6, RFC 3834 section 2). It is
// "" for a message that may be answered.
func (r *Run) Unanswerable() string {
	switch {
	case r.env.Envelope.From == "":
		return "the sender is <>"
	case isSystem(r.env.Envelope.From):
		return "the sender is a program"
	case r.IsAutomatic():
		return "the message was submitted automatically"
	}
	for _, name := range []string{"List-Id", "List-Owner", "List-Subscribe", "List-Post", "List-Unsubscribe", "List-Help", "List-Archive"} {
		if _, ok := r.original.Get(name); ok {
			return "the message came by a mailing list (" + name + ")"
		}
	}
	for f := range r.original.Header("Precedence") {
		if slices.Contains([]string{"junk", "bulk", "list"}, strings.ToLower(f.Value())) {
			return "the message is bulk mail (Precedence)"
		}
	}
	for f := range r.original.Header("X-Auto-Response-Suppress") {
		for word := range strings.SplitSeq(strings.ToLower(f.Value()), ",") {
			if word = strings.TrimSpace(word); word == "all" || word == "oof" {
				return "the message asks for no answer (X-Auto-Response-Suppress)"
			}
		}
	}
	return ""
}

// isSystem tells whether an address is known to be that of a program.
func isSystem(address string) bool {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	return slices.Contains([]string{"mailer-daemon", "listserv", "majordomo"}, local) ||
		strings.Contains(local, "-request") || strings.HasPrefix(local, "owner-")
}
