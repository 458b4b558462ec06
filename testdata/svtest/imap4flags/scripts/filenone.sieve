require ["fileinto", "mailbox", "imap4flags"];
fileinto :create :flags "" "bare";
