package config

import (
	"slices"
	"strings"

	"dovetail/internal/userdb/static"
)

// driverKeys are the keys of [userdb] by driver; true means that it cannot do
// without.
var driverKeys = map[string]map[string]bool{
	"static":      {"uid": true, "gid": true, "home": true, "mail": false, "users": false},
	"passwd":      {},
	"passwd-file": {"path": true, "username_format": false, "uid": false, "gid": false, "home": false, "mail": false},
	"dovecot":     {"socket": false, "timeout": false, "uid": false, "gid": false, "home": false},
}

// cross checks settings against each other.
func (b *binder) cross() {
	c := b.config
	b.crossUserdb()
	b.crossLearners()
	set := func(key string) bool { _, ok := c.origins[key]; return ok }
	if c.LMTP.SSLCert != "" && c.LMTP.SSLKey == "" {
		b.fail("lmtp.ssl_cert", "needs ssl_key beside it")
	}
	if c.LMTP.SSLKey != "" && c.LMTP.SSLCert == "" {
		b.fail("lmtp.ssl_key", "needs ssl_cert beside it")
	}
	if set("submission.host") && set("submission.sendmail") && c.Submission.Host != "" && c.Submission.Sendmail != "" {
		b.fail("submission.sendmail", "host is set too: mail can leave one way only")
	}
	if c.Mail.LastValidUID != 0 && c.Mail.LastValidUID < c.Mail.FirstValidUID {
		b.fail("mail.last_valid_uid", "%d is less than first_valid_uid, %d", c.Mail.LastValidUID, c.Mail.FirstValidUID)
	}
	if c.Learn.MinSize > c.Learn.MaxSize {
		b.fail("learn.min_size", "%s is more than max_size, %s: nothing would be learned", formatSize(c.Learn.MinSize), formatSize(c.Learn.MaxSize))
	}
	if c.Learn.Remember < c.Learn.MaxAge {
		b.fail("learn.ledger_max_age", "%s is less than queue_max_age, %s: lessons could be taught twice", formatDuration(c.Learn.Remember), formatDuration(c.Learn.MaxAge))
	}
	if own := c.Learn.Builtin; own.HamPercent >= own.SpamPercent {
		b.fail("learn.builtin.ham_percent", "%d is not less than spam_percent, %d", own.HamPercent, own.SpamPercent)
	}
	b.crossExpire()
}

func (b *binder) crossUserdb() {
	u := &b.config.Userdb
	keys, ok := driverKeys[u.Driver]
	if !ok {
		if u.Driver == "sql" {
			b.fail("userdb.driver", "driver sql is not built yet; Dovecot's own SQL works through driver dovecot")
		}
		return // or the driver's name is wrong, which was said
	}
	for key := range b.config.origins {
		name, ok := strings.CutPrefix(key, "userdb.")
		if _, used := keys[name]; ok && name != "driver" && !used {
			b.fail(key, "driver %s does not use this key", u.Driver)
		}
	}
	given := map[string]bool{"uid": u.UID != "", "gid": u.GID != "", "home": u.Home != "", "path": u.Path != ""}
	for _, key := range []string{"uid", "gid", "home", "path"} {
		if keys[key] && !given[key] {
			b.fail("userdb.driver", "driver %s needs userdb.%s", u.Driver, key)
		}
	}
	if u.Driver == "static" && checkTemplate(u.Home) == nil {
		_, err := static.New(static.Options{UID: "0", GID: "0", Home: u.Home})
		b.failIf("userdb.home", err)
	}
	_, used := keys["uid"]
	if uid, err := b.uid(u.UID); used && u.UID != "" && err == nil && uid < b.config.Mail.FirstValidUID {
		b.fail("userdb.uid", "uid %d is below mail.first_valid_uid, %d: no mail could be delivered", uid, b.config.Mail.FirstValidUID)
	}
}

// takeLater puts sieve_before2 and the like behind sieve_before.
func (b *binder) takeLater() {
	slices.SortStableFunc(b.later, func(x, y laterScript) int { return x.number - y.number })
	for _, l := range b.later {
		list := &b.config.Sieve.Before
		if l.list == "sieve_after" {
			list = &b.config.Sieve.After
		}
		*list = append(*list, l.scripts...)
		for _, s := range l.scripts {
			b.failIf(l.path, checkScript(s))
		}
		if key := "sieve." + l.list; b.config.origins[key] == "" {
			b.config.origins[key] = b.inFile(l.path)
		}
	}
}
