// Package archive keeps messages that are about to be deleted.
//
// # Places
//
//	mbox:PATH      a file of messages, as mboxrd, with flags and keywords in Status,
//	               X-Status and X-Keywords: dovetail import mbox brings them back
//	maildir:PATH   a Maildir, written as mail_location has it (maildir:~/Old:LAYOUT=fs);
//	               each mailbox has its folder there, and Dovecot can serve it
//
// PATH is absolute or begins with ~/, and may have the variables of mail_location, and
// %{year}, the year in which the message was received, and %{mailbox}. That is the
// mailbox's name with a dot between its parts; what a file name cannot have there is
// written as %2F. Where the path of a Maildir names the mailbox, messages go to its INBOX.
// Missing directories are made, for the user alone, and files have the mode 0600.
//
// # Once
//
// A message that is added again, as after a run that was killed before it removed what it
// had archived, is in the archive once. A Maildir knows it by the name, which stays. For
// an mbox file NAME there is .NAME.dovetail beside it, of which each line is a message:
// where it is, and the digests of what is there and of the message with its name. What is
// found there counts only if the file really holds it, so an index that is wrong or lost
// means, at worst, that a message is archived twice.
//
// # After a crash
//
// The index says what is going to be written before it is, and that it was after. So
// what a crash cut off is found before the next message is written: whole messages stay,
// half of one is cut off, and Options.Warn is told. Where another program has written
// behind it, it stays. A Maildir has its rest in tmp, which goes in time.
//
// # Beside others
//
// An mbox file is locked by NAME.lock and by fcntl(2) while it is written, as Dovecot and
// mutt do. Such a program may change the file at other times.
//
// An Archive acts with the rights of its caller: symbolic links in the path lead where
// the user may go. Line ends become LF in an mbox file, a last line gets its end, and
// the fields in which such a file keeps its own (see mbox.Unpack) are replaced.
package archive
