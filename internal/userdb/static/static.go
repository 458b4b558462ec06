// Package static is the user database in which every user exists: one uid and
// gid, and a home made of the name, as with Dovecot's userdb static and
// allow_all_users=yes. With a list of users only those exist.
//
// The home may hold Dovecot's variables (/srv/mail/%d/%n). A name that would
// lead out of the place that the template means, because it holds "/" or is
// ".." where the template wants one directory, is a user that does not exist.
package static

import (
	"context"
	"errors"
	"iter"
	"maps"

	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
)

// Options are the settings of the driver.
type Options struct {
	UID, GID string // numbers, or names of the machine
	Home     string // template
	Mail     string // mail location of all users; empty means the configuration's
	// Users are the only users there are; with none, every user exists.
	Users []string
}

// Driver is the user database. It is safe for many goroutines.
type Driver struct {
	uid, gid uint32
	home     *expand.Template
	mail     string
	users    map[string]bool
}

// New checks the settings and makes the driver.
func New(o Options) (*Driver, error) {
	d := &Driver{mail: o.Mail}
	var errs [3]error
	d.uid, errs[0] = userdb.UID(o.UID)
	d.gid, errs[1] = userdb.GID(o.GID)
	d.home, errs[2] = expand.Parse(o.Home)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	for _, name := range []string{"home", "uid", "gid"} {
		if d.home.Uses(name) {
			return nil, errors.New("home " + o.Home + ": %{" + name + "} is not known yet where the home is made")
		}
	}
	if len(o.Users) > 0 {
		d.users = make(map[string]bool)
	}
	for _, name := range o.Users {
		d.users[name] = true
	}
	return d, nil
}

// Agreeable tells that any name is a user, unless there is a list.
func (d *Driver) Agreeable() bool { return d.users == nil }

// Lookup implements userdb.Lookuper. It never fails.
func (d *Driver) Lookup(_ context.Context, name string) (*userdb.User, error) {
	if err := userdb.CheckName(name); err != nil {
		return nil, err
	}
	if d.users != nil && !d.users[name] {
		return nil, userdb.Unknown(name)
	}
	home, err := d.home.Path(&expand.Vars{User: name}, "")
	if err != nil {
		return nil, userdb.Unknown(name)
	}
	return &userdb.User{Name: name, UID: d.uid, GID: d.gid, Home: home, Mail: d.mail}, nil
}

// List implements userdb.Lister; without a list of users it is an error.
func (d *Driver) List(_ context.Context, mask string) iter.Seq2[string, error] {
	if d.users == nil {
		return userdb.Failed(errors.New("userdb static knows no list of users: give one in userdb.users, or use another driver"))
	}
	return userdb.Names(maps.Keys(d.users), mask)
}
