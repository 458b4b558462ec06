package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"dovetail/internal/config"
	"dovetail/internal/userdb"
	"dovetail/internal/userdb/expand"
	"dovetail/maildir"
)

// Location gives where the mail of a user is: the location that the Resolver
// found, with the mail_… settings of Dovecot 2.4 that the user database gave.
func Location(u *userdb.User, location string) (maildir.Location, error) {
	l, err := maildir.ParseLocation(location)
	if err != nil {
		return l, err
	}
	return l.With(u.Fields)
}

// Stores gives a function that opens the mail of a user. Warn is told of what went
// wrong there without harm to the mail; it may be nil.
func Stores(c *config.Config, cache *maildir.Cache, warn func(error)) (func(u *userdb.User, location string) (*maildir.Store, error), error) {
	quota, err := quotaOf(c, c.Mail.QuotaRules)
	if err != nil {
		return nil, badConfig(err)
	}
	return func(u *userdb.User, location string) (*maildir.Store, error) {
		l, err := Location(u, location)
		if err != nil {
			return nil, userdb.Fault(fmt.Errorf("mail of %s: %w", u.Name, err))
		}
		quota := quota
		if len(u.QuotaRules) > 0 {
			if quota, err = quotaOf(c, u.QuotaRules); err != nil {
				return nil, userdb.Fault(fmt.Errorf("quota of %s: %w", u.Name, err))
			}
		}
		o := maildir.Options{
			Location: l, Home: u.Home, Separator: c.Mail.Separator, Prefix: c.Mail.Prefix, User: u.Name,
			Quota: quota, Cache: cache, LockTimeout: c.Mail.MaxLockTimeout,
		}
		if warn != nil {
			o.Warn = func(err error) { warn(fmt.Errorf("mail of %s: %w", u.Name, err)) }
		}
		return maildir.Open(o)
	}, nil
}

func quotaOf(c *config.Config, rules []string) (*maildir.Quota, error) {
	q, err := maildir.ParseQuota(rules, c.Mail.QuotaGrace)
	if q != nil {
		q.Tempfail = c.Mail.QuotaFullTempfail
	}
	return q, err
}

// UserScript gives a function that tells the path of a user's script, "" for
// none. A field "sieve" of the user database goes before the configuration.
func UserScript(c *config.Config) func(u *userdb.User) string {
	configured := c.Sieve.UserScript()
	return func(u *userdb.User) string {
		script := configured
		if own := u.Fields["sieve"]; own != "" {
			script = (&config.Sieve{Script: own}).UserScript()
		}
		return userPath(c, script, u)
	}
}

// PersonalScripts gives a function that tells the folder of the scripts that a
// user's script includes, "" for none.
func PersonalScripts(c *config.Config) func(u *userdb.User) string {
	configured := c.Sieve.ScriptFolder()
	return func(u *userdb.User) string {
		folder := configured
		if own := u.Fields["sieve"]; strings.Contains(own, ";active=") {
			folder = (&config.Sieve{Script: own}).ScriptFolder()
		}
		return userPath(c, folder, u)
	}
}

// Attributes gives a function that tells the file with a user's annotations, ""
// for none.
func Attributes(c *config.Config) func(u *userdb.User) string {
	t := c.Mail.Attributes()
	return func(u *userdb.User) string { return userPath(c, t, u) }
}

// userPath gives a path for a user, "" for none.
func userPath(c *config.Config, t *expand.Template, u *userdb.User) string {
	if t == nil {
		return ""
	}
	path, err := t.Path(&expand.Vars{User: u.Name, Home: u.Home, UID: u.UID, GID: u.GID, Hostname: c.Hostname}, "")
	if err != nil {
		return ""
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if u.Home == "" {
			return ""
		}
		path = filepath.Join(u.Home, rest)
	}
	return path
}
