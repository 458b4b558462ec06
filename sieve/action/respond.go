package action

import (
	"time"

	"dovetail/internal/message"
)

// Respond answers the sender automatically (vacation, RFC 5230). Like Notify it
// never changes what becomes of the message.
type Respond struct {
	Reason string // the text, as the script has it
	// Withheld says why the message must not be answered (RFC 5230 sections 4.5 and
	// 4.6: it came by a mailing list, say); "" when it may.
	Withheld string
	To       string           // addr-spec of who is answered
	From     string           // envelope sender; "" is the null sender
	Message  *message.Message // the answer without X-Sieve, Message-ID and Date; nil when Withheld
	Once     Key              // whoever had an answer with this key gets no other one
	Period   time.Duration    // for so long; 0: answers each time
	// Copy stores the answer that was sent, too (fcc, RFC 8580); nil for not. Its
	// Message is empty.
	Copy *Store
}

// Remember has a key remembered once all else of the result is done (duplicate,
// RFC 7352). It is no effect that a script's user would see.
type Remember struct {
	Key    Key
	Period time.Duration
}

func (*Respond) Name() string  { return "vacation" }
func (*Remember) Name() string { return "remember" }

func (*Respond) sealed()  {}
func (*Remember) sealed() {}
