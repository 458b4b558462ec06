# The demo's second user refuses bulk mail outright and files the rest by mark.
require ["fileinto", "mailbox", "ereject", "imap4flags"];

if header :contains "X-Mailer" "BulkMailer" {
  ereject "No bulk mail, please.";
} elsif header :is "X-Sieve-Mark" "Sysadmin" {
  addflag "\\Seen";
  fileinto :create "System";
}
