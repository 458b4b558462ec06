// Package maildir is a mail store in Maildir format that Dovecot reads and writes
// at the same time: what it writes is what Dovecot 2.3 and 2.4 would write.
//
// # Folders
//
// With layout maildir++ the folder a/b is the directory ".a.b" of the root, INBOX
// is the root itself, and every folder but INBOX holds an empty file
// "maildirfolder". With layout fs it is the directory "a/b", with DIRNAME
// "a/b/DIRNAME". Each holds tmp, new and cur; cur is made last, so that a folder
// that has it is whole. Names are modified UTF-7 (RFC 3501 section 5.1.3) or UTF-8 on
// disk, and UTF-8 with the namespace's separator and prefix for the caller.
// New folders and files have the mode and the group of their parent folder, files
// without the execute bits.
//
// # Messages
//
// A message is written to tmp/ as
//
//	<seconds>.M<microseconds>P<pid>.<host>,S=<bytes>,W=<bytes with CRLF>
//
// and renamed to new/, or with ":2," and the letters of its flags to cur/. Letters
// are D F R S T for the system flags, a to z for the keywords of the folder's file
// dovecot-keywords ("<0 to 25> <name>" lines). The modification time is the
// received date. A message that goes to several folders unchanged is one file with
// several links, where file system, owner, group and mode allow it.
//
// Delivery takes no lock. Only a keyword new to the folder needs one:
// dovecot-keywords is replaced under dovecot-uidlist.lock. A message with a 27th
// keyword loses the keyword, which Dovecot could not show either; Options.Warn is told.
//
// # Dovecot's other files
//
// dovecot-uidlist (versions 1 and 3) is read for the UIDs and never written:
// Dovecot gives UIDs when it first sees a message. The subscriptions file (versions
// 1 and 2) is read and changed under subscriptions.lock. maildirsize is kept as
// Dovecot's quota driver "maildir" does, when a quota is configured; see Quota.
// Files of tmp/ that did not change for 36 hours are removed, at most once in eight
// hours for a folder. The index files are Dovecot's own.
//
// # Limits
//
// Names with the on-disk separator inside a part ("a.b" in Maildir++ with separator
// "/") are refused: Dovecot's escape character is not supported, nor are symbolic
// links as messages. Hosts that deliver into one folder must have different names.
//
// # Libraries
//
// Of github.com/emersion/go-maildir the flag letters are used. Its reader serves a
// program that is alone with the mail: it moves messages from new to cur on reading,
// loses flags of files in new and fails at names without ":2,". Its writer does not
// sync and does not write S= and W=. So reading and writing are here, through fsx.FS.
package maildir
