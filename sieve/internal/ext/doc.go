// Package ext is the Sieve language: one file per extension, the commands and
// tests of the base language too. A file registers one engine.Extension and
// uses nothing of the other files; what they share is in package engine, whose
// documentation tells how such a file looks.
package ext
