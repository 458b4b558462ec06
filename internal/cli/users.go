package cli

import (
	"errors"
	"fmt"

	"dovetail/internal/config"
	"dovetail/internal/mailerr"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/dovecot"
	"dovetail/internal/userdb/expand"
	"dovetail/internal/userdb/passwd"
	"dovetail/internal/userdb/passwdfile"
	"dovetail/internal/userdb/static"
)

// Resolver builds what leads addresses to users. Service is the name under which
// the user database is asked: "lmtp", "lda", "doveadm".
func Resolver(c *config.Config, service string) (*userdb.Resolver, error) {
	users, err := Users(c, service)
	format, err2 := expand.Parse(c.AuthUsernameFormat)
	location, err3 := expand.Parse(c.Mail.Location)
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, badConfig(err)
	}
	return &userdb.Resolver{
		Users: users, Format: format, Delimiters: c.RecipientDelimiter, Location: location,
		FirstUID: c.Mail.FirstValidUID, LastUID: c.Mail.LastValidUID, Service: service, Hostname: c.Hostname,
	}, nil
}

// Users builds the user database.
func Users(c *config.Config, service string) (userdb.Lookuper, error) {
	u := c.Userdb
	switch u.Driver {
	case "static":
		return static.New(static.Options{UID: u.UID, GID: u.GID, Home: u.Home, Mail: u.Mail, Users: u.Users})
	case "passwd":
		d, err := passwd.New()
		if err != nil {
			return nil, err
		}
		d.FirstUID, d.LastUID = c.Mail.FirstValidUID, c.Mail.LastValidUID
		return d, nil
	case "passwd-file":
		return passwdfile.New(passwdfile.Options{Path: u.Path, UsernameFormat: u.UsernameFormat, UID: u.UID, GID: u.GID, Home: u.Home, Mail: u.Mail})
	case "dovecot":
		return dovecotUsers(u, service)
	}
	return nil, fmt.Errorf("userdb.driver: driver %q is not known", u.Driver)
}

func dovecotUsers(u config.Userdb, service string) (_ userdb.Lookuper, err error) {
	o := dovecot.Options{Socket: u.Socket, Service: service, Timeout: u.Timeout}
	if u.UID != "" {
		o.UID, err = userdb.UID(u.UID)
	}
	if u.GID != "" && err == nil {
		o.GID, err = userdb.GID(u.GID)
	}
	if u.Home != "" && err == nil {
		o.Home, err = expand.Parse(u.Home)
	}
	return dovecot.New(o), err
}

func badConfig(err error) error {
	e := mailerr.Temp(err, "Configuration error")
	e.Exit = mailerr.ExConfig
	return e
}
