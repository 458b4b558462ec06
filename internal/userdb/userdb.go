// Package userdb answers who a recipient is and where the mail of that user
// goes.
//
// This package is the contract: User, what a driver can do (Lookuper, Lister),
// and Resolver, which leads an address to its user. The drivers are packages
// below: static, passwd, passwdfile, and dovecot for the auth-userdb socket.
//
// Of the answers of a look-up only one bounces mail: the definite no, an error
// made with Unknown. Every fault (a file that cannot be read, a socket that
// does not answer, a line that makes no sense) is temporary, so that mail waits
// for the administrator.
package userdb

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"dovetail/internal/mailerr"
)

// User is what the user database says of a user.
type User struct {
	Name string // as the database calls it; may differ from the name that was asked for
	// UID and GID own the mail. Zero means that the database named none.
	UID, GID uint32
	Groups   []uint32 // further groups
	Home     string   // empty when there is none
	// Mail overrides the configured mail_location, in the manner of Dovecot 2.3
	// (maildir:~/Maildir:LAYOUT=fs). Variables are not filled in yet. Empty means
	// the configuration's.
	Mail       string
	QuotaRules []string // quota_rule, quota_rule2, … in their order
	// Fields are all other fields; a flag has an empty value. Dovecot 2.4's
	// settings of a mail location (mail_path, …) are among them: see
	// maildir.Location.With.
	Fields map[string]string
}

// Lookuper finds a user by the exact name. Its errors are classified with
// mailerr: Unknown for a definite no, temporary for everything else. It may be
// called from several goroutines, and the User it gives belongs to the caller.
type Lookuper interface {
	Lookup(ctx context.Context, name string) (*User, error)
}

// Lister is an optional ability of a Lookuper: it gives the names that match a
// mask with * and ?, in no order. After an error nothing follows.
type Lister interface {
	List(ctx context.Context, mask string) iter.Seq2[string, error]
}

// Agreeable is an optional ability of a Lookuper that may say yes to any name,
// so that its yes to user+detail does not mean that there is such a user.
type Agreeable interface {
	Agreeable() bool
}

// Unknown is the definite no: there is no such user.
func Unknown(name string) error { return mailerr.NoUser(printable(name)) }

// Fault is any other failure of a look-up. It is temporary (451), whatever
// class its cause has.
func Fault(err error) error { return mailerr.Temp(err, "Temporary internal error") }

// maxName is the longest name that is asked for. Dovecot's auth process takes
// lines of 8192 bytes; no address is longer than 320 (RFC 5321 section 4.5.3.1).
const maxName = 1024

// CheckName gives Unknown for a name that no user can have, so that nobody need
// be asked: control characters could change a request's meaning or a log line,
// "/../" a path.
func CheckName(name string) error {
	if name == "" || len(name) > maxName || strings.HasPrefix(name, "@") {
		return Unknown(name)
	}
	for _, c := range []byte(name) {
		if c < ' ' || c == 0x7f {
			return Unknown(name)
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "." || part == ".." {
			return Unknown(name)
		}
	}
	return nil
}

// printable makes a name fit for a reply line.
func printable(name string) string {
	if len(name) > 256 {
		name = name[:256] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name)
}

// Match tells whether a name matches a mask with * (any run) and ? (any one
// character); the case of ASCII letters does not count, as in Dovecot.
func Match(mask, name string) bool {
	for mask != "" {
		switch {
		case mask[0] == '*':
			for i := range len(name) + 1 {
				if Match(mask[1:], name[i:]) {
					return true
				}
			}
			return false
		case name == "", mask[0] != '?' && lower(mask[0]) != lower(name[0]):
			return false
		}
		mask, name = mask[1:], name[1:]
	}
	return name == ""
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Names is the list of those names that match a mask.
func Names(names iter.Seq[string], mask string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range slices.Sorted(names) {
			if Match(mask, name) && !yield(name, nil) {
				return
			}
		}
	}
}

// Failed is a list that failed at once.
func Failed(err error) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("", Fault(err)) }
}

// Clone gives a copy that shares nothing with u.
func (u *User) Clone() *User {
	c := *u
	c.Groups, c.QuotaRules, c.Fields = slices.Clone(u.Groups), slices.Clone(u.QuotaRules), maps.Clone(u.Fields)
	return &c
}

// String is one line for people.
func (u *User) String() string {
	s := fmt.Sprintf("user %s uid %d gid %d home %s", u.Name, u.UID, u.GID, u.Home)
	if u.Mail != "" {
		s += " mail " + u.Mail
	}
	return s
}
