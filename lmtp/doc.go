// Package lmtp is an LMTP server (RFC 2033): it speaks the protocol and knows
// nothing of mail. Who is a recipient and where a message goes is decided by the
// Deliverer that its user gives it.
//
// # Protocol
//
// LHLO, MAIL, RCPT, DATA, BDAT, RSET, NOOP, VRFY, QUIT, STARTTLS and XCLIENT,
// with PIPELINING (RFC 2920), ENHANCEDSTATUSCODES (RFC 2034), 8BITMIME
// (RFC 6152), SMTPUTF8 (RFC 6531), SIZE (RFC 1870), CHUNKING (RFC 3030, without
// BINARYMIME), DELIVERBY (RFC 2852), STARTTLS (RFC 3207) where a certificate is
// set, and Postfix's XCLIENT for trusted peers. The words of the replies are those
// of Dovecot's LMTP server.
//
// AUTH (RFC 4954) and the DSN parameters ORCPT, NOTIFY, RET and ENVID (RFC 3461) are
// taken, for scripts to ask about, but not offered: a server that offers DSN has to
// tell the sender itself of a successful delivery (section 5.2.3), and the client
// leaves it to that server. Exim does so when it is offered DSN by LMTP, and else
// sends the notification.
//
// After DATA there is one reply for each RCPT that was answered 250, in their
// order. A recipient that was given twice gets two replies and one copy.
//
// The end of DATA is CRLF "." CRLF and nothing else, and a dot is taken off a
// line only after CRLF, so that a message cannot hold commands for a server that
// reads line ends more freely than the MTA before it (SMTP smuggling). A lone LF
// or CR is content. Commands may end with a lone LF. The message handed to the
// Deliverer has LF line ends; all other bytes are as they came, NUL included.
//
// # Sessions
//
// A session that has nothing to do holds one read buffer of 16 KiB. A message is
// kept in memory up to Limits.SpoolMemory, a few at a time up to
// Limits.LargeMemory, then in an unnamed file; the memory comes from a pool that
// all sessions share and goes back after the message.
// Replies are written together when the client's pipelined commands are all
// read, after each message, and when the first has waited for ten seconds.
//
// A client that disconnects before the end of DATA has sent nothing: no part of
// the message is delivered. A message that cannot be taken in, for its size or
// because the spool fails, is read to its end, dropped, and refused for every
// recipient, so that the session can go on.
package lmtp
