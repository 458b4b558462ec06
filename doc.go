// Package dovetail is the root of the source tree; it holds the demo's files and the
// test that keeps the tree in order (arch_test.go).
//
// dovetail is the post-acceptance side of a mail server, for machines where
// Dovecot serves IMAP: it runs Sieve scripts over a message that the MTA has
// accepted, and stores it in the Maildir that Dovecot reads.
//
// What the project is about lies at the top:
//
//	cmd/      the programs; each builds its parts and calls one function
//	lmtp/     the LMTP protocol
//	sieve/    the Sieve engine; one file per extension in sieve/internal/ext
//	maildir/  the Maildir, as Dovecot writes it
//	e2e/      tests of the built programs with real Exim and Dovecot
//	bench/    the benchmark, `make bench`
//	scripts/  what the Makefile calls
//	testdata/ messages and scripts that several packages test with
//
// What serves it lies in internal/: delivery carries out what the scripts ask
// for, mailstore and userdb are contracts with several implementations, config
// and cli belong to the programs, and peer starts real mail servers for tests.
//
// Every package has a layer and imports only packages of smaller layers. The
// map is the table in docs/architecture.md, beside the way of a message through
// the packages.
package dovetail
