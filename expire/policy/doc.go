// Package policy removes stored mail by rules: which messages of whom, by which clock
// they are old, what becomes of them, and how much stays in any case.
//
// # Rules
//
// A rule is about users, mailboxes, and the messages there that a query matches. Each
// mailbox is read once for all rules, and each message opened at most once (a large one
// a second time, if its body is asked for); INTHREAD alone reads the mailbox before. The
// first rule whose query matches a message decides on it, also where its limits make the
// message stay: a rule that caps a mailbox stands behind those that name what goes first.
//
// A rule with AtLeast leaves that much in the mailbox, of whatever mail. One with AtMost
// takes no more of what it matches than is needed for that little to be left. Both count
// what the rules before it leave, and let the oldest go first, by the rule's clock. They
// do not bind the rules behind it.
//
// # Clocks
//
// Received is a file's modification time (IMAP's INTERNALDATE), Sent the Date field.
// Saved is when the inode changed last: also with each change of flags. FirstSeen is when
// a run first saw the message in its mailbox. A message that is seen for the first time
// gets its stamp, and no rule with that clock matches it. When the stamps cannot be
// read, nothing goes in mailboxes that such a rule is about. INTHREAD knows no such clock.
//
// # What is promised
//
// A Planner makes a Plan of a user's mail and changes no mail. Plan.Execute carries it
// out: a message that has got other flags since, or was moved or removed, stays or is
// gone, whatever the plan says (see package expire). A message that could not be read
// stays. Nothing is planned again while it is carried out, so that a message is moved once.
package policy
