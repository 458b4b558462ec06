package lmtp

import (
	"context"
	"crypto/tls"
	"net/netip"

	"dovetail/internal/message"
)

// Deliverer is what the server needs of delivery. It is used by many sessions at
// the same time. An error becomes a reply by its class (internal/mailerr); one
// without a class is answered 451.
type Deliverer interface {
	// Accept decides about a recipient at RCPT. tx holds what MAIL said and the
	// recipients before this one. The value returned comes back in Recipient.Accepted.
	// ctx ends with the transaction, so context.AfterFunc frees what was claimed.
	Accept(ctx context.Context, tx *Transaction, rcpt Recipient) (any, error)

	// Deliver delivers the message to all recipients of tx and gives one error for
	// each of them, in their order; nil means that the message is stored to stay.
	// tx and its message must not be used after it has returned. ctx does not end
	// because the client is gone or the server is asked to stop.
	Deliver(ctx context.Context, tx *Transaction) []error
}

// Transaction is one message with its envelope (RFC 5321 section 3.3).
type Transaction struct {
	// ID names the transaction in replies and logs: the session's id, from the
	// session's second transaction on with ":T2" and so forth, as Dovecot has it.
	ID       string
	Client   Client
	Protocol string // of the Received field (RFC 3848): LMTP, LMTPS, UTF8LMTP, UTF8LMTPS, or what XCLIENT said

	From     string // MAIL FROM without angle brackets and source route; "" is the null sender
	Size     int64  // MAIL SIZE= in bytes, 0 when not given (RFC 1870)
	Body     string // MAIL BODY=: "7BIT", "8BITMIME" or "" (RFC 6152)
	SMTPUTF8 bool   // MAIL SMTPUTF8 (RFC 6531)
	Auth     string // MAIL AUTH=, decoded; "" when not given or "<>" (RFC 4954 section 5)
	Ret      string // MAIL RET=: "FULL", "HDRS" or "" (RFC 3461 section 4.3)
	EnvID    string // MAIL ENVID=, decoded (RFC 3461 section 4.4)

	By *message.DeliverBy // MAIL BY=; nil when not given (RFC 2852 section 4)

	Recipients []Recipient      // those accepted, each address once
	Message    *message.Message // nil until Deliver
}

// Recipient is a recipient of a transaction.
type Recipient struct {
	ID      string // the transaction's, with ":R2" and so forth from the second recipient on
	Address string // RCPT TO as given, without angle brackets and source route
	ORcpt   string // ORCPT=, decoded, with its type: "rfc822;user@example.org"; "" when not given (RFC 3461 section 4.2)
	OrigTo  string // its address where the type is one of mail; else ""
	Notify  string // NOTIFY= in upper case (RFC 3461 section 4.1)

	Accepted any // what Accept returned
}

// Client is the peer, or the one that a trusted peer speaks for by XCLIENT.
type Client struct {
	Helo  string         // argument of LHLO
	Addr  netip.AddrPort // not valid when the client came by a UNIX socket
	Name  string         // host name, known from XCLIENT only
	Login string         // user name, known from XCLIENT only

	TLS *tls.ConnectionState // nil without TLS
}
