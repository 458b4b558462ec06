// Package expire finds stored messages by a query and removes them, as doveadm's
// search and expunge do, straight in the Maildirs that Dovecot serves.
//
// # Search
//
// What a message is asked is ordered by cost: its file's name (flags, keywords, UID,
// size), then its inode (received, saved), then its header, then its body. Nothing is
// looked at that cannot change the answer. Texts are compared as Dovecot compares them:
// encoded words, transfer encodings and charsets are undone, each character is put into
// title case and taken apart into base and marks, so that "ko" finds "Köln" and
// "koln" does not.
//
// # Expunge
//
// The messages are chosen without a lock, and then removed under dovecot-uidlist.lock
// by the very names by which they were chosen. A flag that has changed since is
// another name: such a message stays. Only numbers of messages (1:10, UID 5) are looked
// up under the lock too, since they change with each message that goes. Dovecot notices by the
// directory's time; its indexes and its uidlist are its own. maildirsize is kept.
//
// # Differences from doveadm
//
//   - What no IMAP client has seen (RECENT) is known to Dovecot's index. Here it is what
//     lies in new/ or has no UID yet.
//   - SAVED* ask the inode's change time. doveadm does too, unless its cache has a date.
//   - A keyword beyond the 26 that Maildir can hold is in Dovecot's index only.
//   - Letters with two marks are taken apart at once (RFC 5051), where Dovecot 2.3
//     takes off one mark.
//   - MIMEPART FILENAME and PARAM understand names that are encoded (RFC 2231), PARENT more
//     than EXISTS, and brackets, NOT and DEPTH with CHILD. HEADER, BODY, TEXT, DESCRIPTION
//     and the fields of enclosed messages are refused: doveadm finds nothing by most of them.
//   - INTHREAD with a message that cannot be read in the mailbox is an error: its thread
//     is not known. ORDEREDSUBJECT, which doveadm 2.3.19 crashes on, is as RFC 5256 has it.
//   - OLDESTONLY ends the search of a mailbox, which Dovecot 2.3 does for some keys only.
//   - A file whose size is not what its name says is an error for doveadm; here it is read.
//   - A message that cannot be read matches nothing, under NOT either.
//   - expunge -d leaves a mailbox that has others below it, or files that are none of
//     Dovecot's; doveadm removes it all the same.
package expire
