// Package opinion holds no code but tests: it asks two other Sieve engines for a
// second opinion about random scripts and messages, Pigeonhole (sieve-test and
// sievec as installed) and github.com/foxcpp/go-sieve.
//
// # How it works
//
// A generator makes messages and, from their values, scripts that have something
// to say about them: keys that match or nearly match, header fields that exist or
// nearly exist. It makes rules (a test each), whole scripts with actions and
// control flow, and broken scripts. All of it comes from one seed: DOVETAIL_SEED,
// else the one in the source, so what fails in CI fails everywhere.
//
// What both engines say is brought into one form (outcome) and compared. Every
// difference must be one of the known ones: differences lists them with a recogniser
// each, and docs/differences.md explains them, under the same names, with the
// sentence of the RFC that decides. A difference that is not known fails the test.
// For each known one there is an example, too, on which the engines must differ, so
// the list holds nothing that is past.
//
// Rules go to Pigeonhole many at a time: a batch is a script in which each rule
// that holds files into a mailbox with its number and its match variables as the
// name. A batch that differs is asked again rule by rule.
//
// # Counts
//
// DOVETAIL_CI=1 runs all: 10,000 rules and more. Without it, and with -short, it is
// a fraction. DOVETAIL_PAIRS=n multiplies, to look for what the seed has not found.
package opinion
