// Package remote finds and removes messages in mailboxes of any IMAP server, by the
// queries of package expire/query.
//
// # Search
//
// The query becomes a SEARCH. The server judges flags, keywords, sizes, numbers, header
// fields and texts, as it understands them. Dates it knows only by the day, without a
// zone. So it is asked twice where the query has them: for the messages that match
// whatever their zone is, and for those that may match. Of the few that may, the times
// are fetched, and the query is judged here.
//
// Some keys need more of the server than IMAP4rev1, and are an error without it:
//
//	SAVED*           SAVEDATE (RFC 8514)
//	GUID, EMAILID    OBJECTID (RFC 8474)
//	text beyond ASCII  LITERAL+ or LITERAL- (RFC 7888)
//	MODSEQ           CONDSTORE (RFC 7162)
//	INTHREAD         THREAD= with that algorithm, and a server that knows the key, as Dovecot does; no dates inside
//	MAILBOX-GUID     cannot be asked; MAILBOX can
//	MIMEPART         cannot be asked
//
// A saved date cannot be fetched, so SAVED* is known by the day only: of a message that
// was saved within a day of the time asked for it is not known whether it matches. It is
// left out, under NOT too.
//
// # Expunge
//
// Messages are marked \Deleted and removed by UID EXPUNGE (RFC 4315), so that those that
// others have marked stay. A server without it is refused. Where the server has CONDSTORE
// (RFC 7162) a message that somebody changes between the search and the removal stays;
// where not, the query is asked once more for each part right before it goes. What is
// told to be gone the server has confirmed.
//
// # Limits
//
// Memory is four bytes for each message of the answer, of which 33 million are the most,
// and what is fetched at a time.
package remote
