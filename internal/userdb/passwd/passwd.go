// Package passwd is the user database of the machine's own users.
//
// /etc/passwd and /etc/group are read directly and kept in memory. Users of
// other sources of the name service (LDAP, SSSD, winbind) are asked for with
// getent(1), but only where /etc/nsswitch.conf names such a source: the
// programs are linked without the C library, whose lookups would be needed
// otherwise. What getent said is remembered: a user for a minute, a definite no
// for ten seconds. The source "systemd" is not asked; it knows users without
// mail.
package passwd

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"dovetail/internal/userdb"
)

// Driver is the user database. It is safe for many goroutines.
type Driver struct {
	// FirstUID and LastUID (0: none) bound the uids of the users that List gives, as in
	// Dovecot: the others are the machine's daemons. Lookup finds them all the same.
	FirstUID, LastUID uint32

	users  *userdb.File[map[string]*userdb.User]
	groups *userdb.File[map[string][]uint32]
	nss    *nss // nil: /etc/passwd is all there is
}

// New makes the driver for this machine.
func New() (*Driver, error) {
	d := newDriver("/etc/passwd", "/etc/group")
	more, err := otherSources("/etc/nsswitch.conf")
	if err != nil {
		return nil, err
	}
	if more {
		d.nss = newNSS("getent")
	}
	return d, nil
}

func newDriver(passwd, group string) *Driver {
	return &Driver{
		users:  &userdb.File[map[string]*userdb.User]{Path: passwd, Parse: parsePasswd},
		groups: &userdb.File[map[string][]uint32]{Path: group, Parse: parseGroup},
	}
}

// Lookup implements userdb.Lookuper.
func (d *Driver) Lookup(ctx context.Context, name string) (*userdb.User, error) {
	if err := userdb.CheckName(name); err != nil {
		return nil, err
	}
	users, half, err := d.users.Get()
	if err != nil {
		return nil, userdb.Fault(err)
	}
	u := users[name]
	if u == nil {
		if d.nss != nil {
			return d.nss.lookup(ctx, name)
		}
		if half {
			return nil, userdb.Fault(errors.New("/etc/passwd has just changed and its last line has no end: it may still be written"))
		}
		return nil, userdb.Unknown(name)
	}
	groups, _, err := d.groups.Get()
	if err != nil {
		return nil, userdb.Fault(err)
	}
	u = u.Clone()
	u.Groups = slices.DeleteFunc(slices.Clone(groups[name]), func(g uint32) bool { return g == u.GID })
	return u, nil
}

// List implements userdb.Lister: first the users of /etc/passwd, then those that
// other sources are willing to list.
func (d *Driver) List(ctx context.Context, mask string) iter.Seq2[string, error] {
	users, _, err := d.users.Get()
	if err != nil {
		return userdb.Failed(err)
	}
	all := users
	if d.nss != nil {
		more, err := d.nss.list(ctx)
		if err != nil {
			return userdb.Failed(err)
		}
		all = maps.Clone(users)
		maps.Copy(all, more)
	}
	return userdb.Names(d.mailUsers(all), mask)
}

// mailUsers gives the names of those whose uids are within the bounds.
func (d *Driver) mailUsers(all map[string]*userdb.User) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name, u := range all {
			if u.UID >= d.FirstUID && (d.LastUID == 0 || u.UID <= d.LastUID) && !yield(name) {
				return
			}
		}
	}
}
