package message

// Envelope is the SMTP envelope of one recipient's copy (RFC 5321 section 2.3.1).
// Addresses have no angle brackets; the null sender is "".
type Envelope struct {
	From   string // MAIL FROM
	To     string // final recipient: the RCPT TO address that is being delivered
	OrigTo string // original recipient (ORCPT, or the MTA's header); equal to To when unknown
	Auth   string // MAIL AUTH= (RFC 4954 section 5), empty when unknown
}
