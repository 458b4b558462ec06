// Package mbox reads mail folders of one file (RFC 4155): which bytes are whose
// message, to the byte, and what is wrong where. And it writes messages for them.
//
// # Format
//
// A message begins with a From_ line, "From SENDER Sat Nov 21 08:00:00 2026", and
// ends with an empty line that is not its own. How lines of the text that begin with
// "From " are told from it differs:
//
//	mboxo     ">" was put before "From "
//	mboxrd    ">" was put before any run of ">" and "From "
//	mboxcl    as mboxo, and Content-Length says how long the body is
//	mboxcl2   nothing was put; Content-Length says it
//
// With Auto each message whose Content-Length leads to the end of the file or to a
// From_ line is read as mboxcl2, the others as mboxrd. A file of mboxo comes out right so,
// but for lines that had ">>From " already. A Content-Length that leads elsewhere is told and
// not used.
//
// # From_ lines
//
// Writers of mboxo often forget to quote. Where no Content-Length helps, a line that
// begins with "From " begins a message when it has the shape of a From_ line, with a
// date as asctime(3) or RFC 5322 section 3.3 have it, and a header field follows. The
// empty line before it may be missing. Any other such line is text. What came close
// is told: Finding.
//
// A date without a zone is in Options.Location. RFC 4155 asks for UTC, but
// what writes such files (MTAs, Dovecot, mutt) writes local time.
//
// # Damage
//
// Text before the first From_ line is a message of its own, so that nothing is lost.
// A file without any is no mbox: ErrNoMbox. NUL bytes, as crashes leave them, stay
// and are told, and so is a file that ends inside a line or before the length that a
// Content-Length tells.
//
// github.com/emersion/go-mbox knows no offsets and no Content-Length, takes any
// "From " for a From_ line and writes CRLF, and an empty line twice in a row confuses
// it; so it is not used.
package mbox

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoMbox says that a file has no From_ line at all.
var ErrNoMbox = errors.New("no mbox: there is no From_ line")

// Begin begins a From_ line, and so an mbox file.
const Begin = "From "

// Variant is a dialect of the format.
type Variant string

// The variants; see the package's documentation.
const (
	Auto    Variant = "auto"
	MboxO   Variant = "mboxo"
	MboxRD  Variant = "mboxrd"
	MboxCL  Variant = "mboxcl"
	MboxCL2 Variant = "mboxcl2"
)

// Variants are the names of all.
func Variants() []string {
	return []string{string(Auto), string(MboxO), string(MboxRD), string(MboxCL), string(MboxCL2)}
}

// Options say how a file is read.
type Options struct {
	Variant  Variant        // empty: Auto
	Location *time.Location // of dates that name no zone; nil: time.Local
}

// Finding is something in the file that had to be judged, or that is wrong.
type Finding struct {
	Offset  int64  `json:"offset"` // in bytes, of the uncompressed text
	Line    int64  `json:"line"`   // 1 is the first
	Text    string `json:"text"`
	Damaged bool   `json:"damaged"` // the file is broken there; else it was only judged
}

func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("byte %d: %s", f.Offset, f.Text)
	}
	return fmt.Sprintf("line %d (byte %d): %s", f.Line, f.Offset, f.Text)
}
