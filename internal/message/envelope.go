package message

import "time"

// Envelope is the SMTP envelope of one recipient's copy (RFC 5321 section 2.3.1).
// Addresses have no angle brackets; the null sender is "".
type Envelope struct {
	From   string // MAIL FROM
	To     string // final recipient: the RCPT TO address that is being delivered
	OrigTo string // original recipient (ORCPT, or the MTA's header); equal to To when unknown
	Auth   string // MAIL AUTH= (RFC 4954 section 5), empty when unknown

	// What the sender asked for about notifications (RFC 3461); empty when not asked.
	Notify string // RCPT NOTIFY=: NEVER, or some of SUCCESS, FAILURE, DELAY with commas between
	ORcpt  string // RCPT ORCPT=, decoded, with its type: rfc822;user@example.org
	Ret    string // MAIL RET=: FULL or HDRS
	EnvID  string // MAIL ENVID=, decoded

	By *DeliverBy // nil when not asked
}

// DeliverBy is until when a message is to be delivered (RFC 2852).
type DeliverBy struct {
	Time   time.Time
	Return bool // it is returned when it is late; else its sender is notified
	Trace  bool
}
