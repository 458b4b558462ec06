// Package e2e tests the programs as they are built, among real neighbours: mail
// comes from a real Exim or an LMTP client, runs through dovetail-lmtpd or
// dovetail-lda with the scripts of testdata/site, and is read in the Maildir and
// over IMAP from a real Dovecot. There is nothing in it but tests.
//
// Each test starts servers of its own (see internal/peer), so that it can kill
// them, fill their disk or change their configuration.
package e2e
