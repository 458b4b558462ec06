// Package submission hands mail that leaves this machine (redirected messages,
// rejections) to the MTA: to an SMTP server, or to a sendmail program.
//
// A message is for all its recipients or for none: the first recipient that is
// refused ends the sending, before the message itself. A failure that the MTA
// calls permanent is permanent, every other one is temporary; after a temporary
// one the MTA may have the message nevertheless (a lost connection behind the
// last byte), so that sending it again can make a second copy.
//
// What a message can ask of the MTA (Request) is asked where the MTA takes it: an
// SMTP server that offers DSN or DELIVERBY, or a program of which the site says so.
//
// Messages go out as they are, without fields added and without conversion for
// a server that does not offer 8BITMIME.
package submission

import (
	"fmt"
	"strings"
	"time"

	"dovetail/internal/mailerr"
)

// DefaultTimeout bounds the sending of one message, connecting included
// (Dovecot's submission_timeout).
const DefaultTimeout = 30 * time.Second

// public is what the peer may know of a failure.
const public = "Mail cannot be sent"

func temporary(format string, args ...any) error {
	return mailerr.Temp(fmt.Errorf(format, args...), public)
}

func permanent(format string, args ...any) error {
	return mailerr.Perm(fmt.Errorf(format, args...), public)
}

// checkAddresses refuses what could be read as more than one address: a line
// break, a control character, or an angle bracket outside a quoted string.
func checkAddresses(from string, to []string) error {
	if len(to) == 0 {
		return permanent("sending mail from <%s>: no recipient", from)
	}
	for _, address := range append([]string{from}, to...) {
		if strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f }) ||
			strings.ContainsAny(address, "<>") && !strings.Contains(address, `"`) {
			return permanent("sending mail: invalid address %q", address)
		}
	}
	return nil
}
