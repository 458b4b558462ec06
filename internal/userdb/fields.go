package userdb

import (
	"fmt"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Set takes over one field of Dovecot's user databases, such as home=/srv/x,
// quota_rule2=… or mail=…. A field without a value is a flag.
func (u *User) Set(key, value string) error {
	var err error
	switch key {
	case "uid":
		u.UID, err = UID(value)
	case "gid":
		u.GID, err = GID(value)
	case "home":
		u.Home = value
	case "mail":
		u.Mail = value
	default:
		if u.Fields == nil {
			u.Fields = make(map[string]string)
		}
		u.Fields[key] = value
	}
	if key == "system_groups_user" {
		u.Groups = groupsOf(value)
	}
	return err
}

// Finish takes the quota rules out of the fields, in their order.
func (u *User) Finish() {
	var keys []string
	for key := range u.Fields {
		if quotaRule.MatchString(key) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return ruleNumber(a) - ruleNumber(b) })
	for _, key := range keys {
		u.QuotaRules = append(u.QuotaRules, u.Fields[key])
		delete(u.Fields, key)
	}
}

var quotaRule = regexp.MustCompile(`^quota_rule[0-9]*$`)

// ruleNumber orders quota_rule, quota_rule2, quota_rule10.
func ruleNumber(key string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(key, "quota_rule"))
	return n
}

// UID reads a user id: a number, or a name of the machine's user list.
func UID(s string) (uint32, error) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return uint32(n), nil
	}
	u, err := user.Lookup(s)
	if err != nil {
		return 0, fmt.Errorf("uid %q: neither a number nor a user of /etc/passwd", s)
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(n), err
}

// GID reads a group id: a number, or a name of the machine's group list.
func GID(s string) (uint32, error) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return uint32(n), nil
	}
	g, err := user.LookupGroup(s)
	if err != nil {
		return 0, fmt.Errorf("gid %q: neither a number nor a group of /etc/group", s)
	}
	n, err := strconv.ParseUint(g.Gid, 10, 32)
	return uint32(n), err
}

// groupsOf gives the groups of a user of the machine (Dovecot's field
// system_groups_user). One that /etc/passwd does not know has none: what needs a
// group then fails with a permission error, which is temporary.
func groupsOf(name string) []uint32 {
	u, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil
	}
	var groups []uint32
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			groups = append(groups, uint32(n))
		}
	}
	return groups
}
