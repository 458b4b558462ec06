package userdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dovetail/internal/mailerr"
	"dovetail/internal/userdb/expand"
)

// Resolver leads an address to its user.
//
// The detail (user+detail@domain) begins at the first character of the local
// part that is one of Delimiters. Each name is put through Format
// (auth_username_format) before it is asked for. Dovecot's LMTP always asks for
// the name without the detail. So does this, but a user whose own name holds a
// delimiter can be found too: drivers with a list of users are asked for the
// full name first, drivers that may say yes to anything (Agreeable) only after
// a definite no to the name without the detail.
type Resolver struct {
	Users      Lookuper
	Format     *expand.Template // auth_username_format; nil takes names as they are
	Delimiters string           // recipient_delimiter; empty: there are no details
	Location   *expand.Template // mail_location, for users that have none of their own
	// FirstUID and LastUID are the user ids that may own mail (first_valid_uid,
	// last_valid_uid); a LastUID of 0 is no limit.
	FirstUID, LastUID uint32
	Service           string // for %s: "lmtp", "lda", …
	Hostname          string
}

// Recipient is what became of an address.
type Recipient struct {
	Address string // as received
	User    *User  // nil when there is none
	Detail  string // what follows the delimiter, empty without one
	// Location is the user's mail location with variables filled in; "~" is still
	// the home.
	Location string
	Steps    []Step // how it came about, for people
}

// Step is one step on the way of an address.
type Step struct {
	What  string `json:"step"`
	Value string `json:"value"`
}

func (r *Recipient) step(what, format string, args ...any) {
	r.Steps = append(r.Steps, Step{what, fmt.Sprintf(format, args...)})
}

// candidate is a name to ask for, and the detail that is left then.
type candidate struct{ name, detail string }

// Resolve finds the user of an address. The Recipient is never nil: with an
// error it holds the steps up to there. Errors are classified with mailerr; only
// a definite no of the user database is permanent.
func (r *Resolver) Resolve(ctx context.Context, address string) (*Recipient, error) {
	rcpt := &Recipient{Address: address}
	rcpt.step("as received", "%s", address)
	local, domain := splitAddress(address)
	full := candidate{name: r.format(local + domain)}
	rcpt.step("after auth_username_format", "%s (%s)", full.name, r.formatName())
	i := strings.IndexAny(local, r.Delimiters)
	if i <= 0 {
		rcpt.step("split at recipient_delimiter", "no detail (none of %q in it)", r.Delimiters)
		return rcpt, r.find(ctx, rcpt, full)
	}
	stripped := candidate{name: r.format(local[:i] + domain), detail: local[i+1:]}
	rcpt.step("split at recipient_delimiter", "user %s, detail %s (at %q)", stripped.name, stripped.detail, local[i:i+1])
	if a, ok := r.Users.(Agreeable); ok && a.Agreeable() {
		return rcpt, r.find(ctx, rcpt, stripped, full)
	}
	return rcpt, r.find(ctx, rcpt, full, stripped)
}

// ResolveUser finds a user by name, as dovecot-lda -d does: nothing is split off.
func (r *Resolver) ResolveUser(ctx context.Context, name string) (*Recipient, error) {
	rcpt := &Recipient{Address: name}
	rcpt.step("as given", "%s", name)
	full := r.format(name)
	rcpt.step("after auth_username_format", "%s (%s)", full, r.formatName())
	return rcpt, r.find(ctx, rcpt, candidate{name: full})
}

// find asks for the names in turn until there is a user or a fault, and says
// where the user's mail is.
func (r *Resolver) find(ctx context.Context, rcpt *Recipient, candidates ...candidate) error {
	for _, c := range candidates {
		user, err := r.ask(ctx, c.name)
		switch {
		case err == nil:
			rcpt.User, rcpt.Detail = user, c.detail
			rcpt.step("look-up "+c.name, "%s", user)
			return r.locate(rcpt)
		case mailerr.IsPermanent(err):
			rcpt.step("look-up "+printable(c.name), "no such user")
		default:
			rcpt.step("look-up "+printable(c.name), "temporary fault: %v", err)
			return fmt.Errorf("looking up %s: %w", printable(c.name), err)
		}
	}
	return Unknown(rcpt.Address)
}

func (r *Resolver) ask(ctx context.Context, name string) (*User, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	user, err := r.Users.Lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if user == nil {
		return nil, Fault(errors.New("the user database gave neither a user nor an error"))
	}
	return user, nil
}

// locate checks the user found and says where the mail is.
func (r *Resolver) locate(rcpt *Recipient) error {
	u := rcpt.User
	if u.UID < r.FirstUID || r.LastUID != 0 && u.UID > r.LastUID {
		err := fmt.Errorf("user %s has uid %d: not permitted (first_valid_uid %d, last_valid_uid %d)", u.Name, u.UID, r.FirstUID, r.LastUID)
		if u.UID == 0 { // root, or nothing said
			err = fmt.Errorf("%w; where the user database names no uid, [userdb] uid can", err)
		}
		rcpt.step("user id", "%v", err)
		return Fault(err)
	}
	rcpt.step("home", "%s", orNone(u.Home))
	location, from := r.Location, "configuration"
	if u.Mail != "" {
		var err error
		from = "user database"
		if location, err = expand.Parse(u.Mail); err != nil {
			return Fault(fmt.Errorf("mail location of %s: %w", u.Name, err))
		}
	}
	if location == nil {
		rcpt.step("mail location", "none")
		return nil
	}
	path, err := location.Path(r.vars(u), ":")
	if err != nil {
		rcpt.step("mail location", "%v", err)
		return Fault(fmt.Errorf("mail location of %s: %w", u.Name, err))
	}
	rcpt.Location = path
	rcpt.step("mail location", "%s (%s)", path, from)
	return nil
}

func (r *Resolver) vars(u *User) *expand.Vars {
	return &expand.Vars{User: u.Name, Home: u.Home, UID: u.UID, GID: u.GID, Service: r.Service, Hostname: r.Hostname}
}

func (r *Resolver) format(name string) string {
	if r.Format == nil || r.Format.String() == "" {
		return name
	}
	return r.Format.Expand(&expand.Vars{User: name, Service: r.Service, Hostname: r.Hostname})
}

func (r *Resolver) formatName() string {
	if r.Format == nil || r.Format.String() == "" {
		return "none"
	}
	return r.Format.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// splitAddress gives the local part without its quotes (RFC 5321 section 4.1.2)
// and the domain with its "@". An address without a domain is all local part. A
// local part that holds an "@" keeps its quotes, as in Dovecot's user names.
func splitAddress(address string) (local, domain string) {
	local = address
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		local, domain = address[:i], address[i:]
	}
	if len(local) < 2 || local[0] != '"' || local[len(local)-1] != '"' || strings.Contains(local, "@") {
		return local, domain
	}
	var b strings.Builder
	for i := 1; i < len(local)-1; i++ {
		if local[i] == '\\' && i+1 < len(local)-1 {
			i++
		}
		b.WriteByte(local[i])
	}
	return b.String(), domain
}
