// Package mailerr classifies errors for mail: is a failure temporary or
// permanent, which SMTP reply and enhanced status code says so, what may the
// outside see of it, and with which sysexits status does a program end.
//
// An error is classified once, where it arises, and wrapped with %w on its way
// up. An error that nobody classified is temporary: mail is deferred, never
// bounced, for a reason that we did not foresee.
package mailerr

import (
	"errors"
	"fmt"
	"syscall"
)

// Class tells whether trying again later can help.
type Class int

const (
	// Temporary failures are answered 4xx; the sender tries again.
	Temporary Class = iota
	// Permanent failures are answered 5xx; the sender gives up.
	Permanent
)

// Sysexits statuses (sysexits.h) that our programs end with.
const (
	ExOK       = 0
	ExUsage    = 64
	ExDataErr  = 65
	ExNoUser   = 67
	ExSoftware = 70
	ExTempFail = 75
	ExNoPerm   = 77
	ExConfig   = 78
)

// Error is a classified error. Its Error text is for logs; only Public may be
// shown to the peer, so it never holds a path or a setting.
type Error struct {
	Class  Class
	Code   int    // SMTP reply code (RFC 5321), e.g. 451
	Status [3]int // enhanced status code (RFC 3463), e.g. {4, 3, 0}
	Public string // text for the SMTP reply
	Exit   int    // sysexits status of a program that ends with this error
	Err    error  // the cause, may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Public
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Reply gives the text after the reply code: "4.3.0 Temporary internal error".
func (e *Error) Reply() string {
	return fmt.Sprintf("%d.%d.%d %s", e.Status[0], e.Status[1], e.Status[2], e.Public)
}

// Temp marks err as temporary: 451 4.3.0, with the public text given.
func Temp(err error, public string) *Error {
	return &Error{Class: Temporary, Code: 451, Status: [3]int{4, 3, 0}, Public: public, Exit: ExTempFail, Err: err}
}

// Perm marks err as permanent: 550 5.0.0, with the public text given.
func Perm(err error, public string) *Error {
	return &Error{Class: Permanent, Code: 550, Status: [3]int{5, 0, 0}, Public: public, Exit: ExNoPerm, Err: err}
}

// NoUser says that address has no mailbox here, in the words that Dovecot uses.
func NoUser(address string) *Error {
	return &Error{
		Class: Permanent, Code: 550, Status: [3]int{5, 1, 1}, Exit: ExNoUser,
		Public: fmt.Sprintf("<%s> User doesn't exist: %s", address, address),
	}
}

// QuotaFull says that the mailbox of address is over its limit. Dovecot answers
// 552 5.2.2, or 452 4.2.2 where quota_full_tempfail asks for it.
func QuotaFull(address string, tempfail bool) *Error {
	e := &Error{
		Class: Permanent, Code: 552, Status: [3]int{5, 2, 2}, Exit: ExNoPerm,
		Public: fmt.Sprintf("<%s> Quota exceeded (mailbox for user is full)", address),
	}
	if tempfail {
		e.Class, e.Code, e.Status[0], e.Exit = Temporary, 452, 4, ExTempFail
	}
	return e
}

// Of gives the classification of err. The first *Error in its chain decides;
// without one err is temporary. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Temp(err, "Temporary internal error")
}

// IsPermanent tells whether err was classified as permanent.
func IsPermanent(err error) bool { return err != nil && Of(err).Class == Permanent }

// FromErrno classifies a failed system call by its number. All are temporary
// (a full disk, a wrong mode and a missing directory are mended by people); the
// status code tells the peer which kind it was (RFC 3463 section 3.3 and 3.4).
func FromErrno(err error) *Error {
	e := Temp(err, "Temporary internal error")
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EFBIG):
		e.Code, e.Status, e.Public = 452, [3]int{4, 3, 1}, "Not enough disk space"
	case errors.Is(err, syscall.EDQUOT):
		e.Code, e.Status, e.Public = 452, [3]int{4, 2, 2}, "Not enough disk quota"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS):
		e.Status = [3]int{4, 3, 5}
	}
	return e
}

// ExitCode gives the sysexits status for err: 0 for nil, 75 for an error that
// nobody classified.
func ExitCode(err error) int {
	if err == nil {
		return ExOK
	}
	return Of(err).Exit
}
