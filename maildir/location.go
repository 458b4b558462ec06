package maildir

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Layout says how folders lie on disk.
type Layout string

// The layouts that Dovecot offers and this package knows.
const (
	MaildirPlusPlus Layout = "maildir++" // .a.b under the root
	FileSystem      Layout = "fs"        // a/b under the root
)

// Location says where the mail of a user is. Paths may begin with "~/", the home.
type Location struct {
	Root          string // directory of the mail
	Inbox         string // directory of INBOX; empty: the root, with DirName INBOX/DirName
	Control       string // directory of uidlist, keywords, subscriptions, maildirsize; empty: with the mail
	Layout        Layout // empty: MaildirPlusPlus
	DirName       string // layout fs: last part of each folder's path
	FullDirName   bool   // DirName is a part of the control paths too
	MailboxDir    string // layout fs: part between the root and the folders
	Subscriptions string // name of the subscriptions file; empty: subscriptions
	UTF8          bool   // names are UTF-8 on disk, not modified UTF-7
}

// ParseLocation reads Dovecot 2.3's mail_location, e.g.
// "maildir:~/.Maildir:LAYOUT=fs:INBOX=~/.Maildir/INBOX". "::" stands for a colon
// in a value. Variables must be expanded already. Keys that concern Dovecot's
// indexes and other drivers are accepted and mean nothing here.
func ParseLocation(s string) (Location, error) {
	args := splitArgs(s)
	switch driver := args[0]; {
	case s == "":
		return Location{}, errors.New("mail location is empty")
	case strings.ContainsAny(driver, "/~"):
		return Location{}, fmt.Errorf("mail location %q names no driver: write maildir:%s", s, s)
	case driver != "maildir":
		return Location{}, fmt.Errorf("mail location %q: driver %q is not supported, only maildir is", s, driver)
	case len(args) == 1 || args[1] == "":
		return Location{}, fmt.Errorf("mail location %q has no path", s)
	}
	l := Location{Root: args[1], Layout: MaildirPlusPlus}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		if err := l.setKey(key, value); err != nil {
			return Location{}, fmt.Errorf("mail location %q: %w", s, err)
		}
	}
	if err := l.check(); err != nil {
		return Location{}, fmt.Errorf("mail location %q: %w", s, err)
	}
	return l, nil
}

// splitArgs splits at single colons; two are one colon of the text.
func splitArgs(s string) []string {
	args := []string{""}
	for i := 0; i < len(s); i++ {
		last := len(args) - 1
		switch {
		case s[i] != ':':
			args[last] += s[i : i+1]
		case i+1 < len(s) && s[i+1] == ':':
			args[last] += ":"
			i++
		default:
			args = append(args, "")
		}
	}
	return args
}

func (l *Location) setKey(key, value string) error {
	switch strings.ToUpper(key) {
	case "INBOX":
		l.Inbox = value
	case "CONTROL":
		l.Control = value
	case "LAYOUT":
		l.Layout = Layout(strings.ToLower(value))
	case "DIRNAME", "FULLDIRNAME":
		l.DirName, l.FullDirName = value, strings.EqualFold(key, "FULLDIRNAME")
	case "MAILBOXDIR":
		l.MailboxDir = strings.Trim(value, "/")
	case "SUBSCRIPTIONS":
		l.Subscriptions = value
	case "UTF-8":
		l.UTF8 = true
	case "INDEX", "INDEXPVT", "INDEXCACHE", "VOLATILEDIR", "LISTINDEX", "ALT", "ALTNOCHECK",
		"ITERINDEX", "NO-NOSELECT", "NO-FS-VALIDATION":
	case "BROKENCHAR": // would change names on disk
		return fmt.Errorf("key %s is not supported", key)
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

// With gives the location changed by Dovecot 2.4's settings, as they stand in its
// configuration or come from a userdb: mail_driver, mail_path, mail_inbox_path,
// mail_control_path, mailbox_list_layout, mailbox_directory_name,
// mailbox_root_directory_name, mailbox_subscriptions_filename and mailbox_list_utf8.
// Other keys of the map are not looked at. Without any path it is ~/Maildir.
func (l Location) With(settings map[string]string) (Location, error) {
	for key, value := range settings {
		var err error
		switch key {
		case "mail_driver":
			if value != "maildir" {
				err = fmt.Errorf("driver %q is not supported, only maildir is", value)
			}
		case "mail_path":
			l.Root = value
		case "mail_inbox_path":
			l.Inbox = value
		case "mail_control_path":
			l.Control = value
		case "mailbox_list_layout":
			l.Layout = Layout(strings.ToLower(value))
		case "mailbox_directory_name":
			l.DirName = value
		case "mailbox_root_directory_name":
			l.MailboxDir = strings.Trim(value, "/")
		case "mailbox_subscriptions_filename":
			l.Subscriptions = value
		case "mailbox_list_utf8":
			l.UTF8, err = yesNo(value)
		}
		if err != nil {
			return Location{}, fmt.Errorf("setting %s: %w", key, err)
		}
	}
	if l.Root == "" {
		l.Root = "~/Maildir"
	}
	if l.Layout == "" {
		l.Layout = MaildirPlusPlus
	}
	switch {
	case l.Inbox != "" && !isRooted(l.Inbox): // 2.4: relative to mail_path
		l.Inbox = filepath.Join(l.Root, l.Inbox)
	case l.Inbox == "" && settings["mailbox_directory_name"] != "": // 2.4: the root, unlike 2.3
		l.Inbox = l.Root
	}
	return l, l.check()
}

func yesNo(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "yes", "y", "1", "true":
		return true, nil
	case "no", "n", "0", "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", value)
}

func isRooted(path string) bool {
	return filepath.IsAbs(path) || path == "~" || strings.HasPrefix(path, "~/")
}

func (l Location) check() error {
	if l.Layout != MaildirPlusPlus && l.Layout != FileSystem {
		return fmt.Errorf("layout %q is not supported, only maildir++ and fs are", l.Layout)
	}
	if l.Layout == MaildirPlusPlus && (l.DirName != "" || l.MailboxDir != "") {
		return errors.New("a directory name needs layout fs")
	}
	for _, part := range []string{l.DirName, l.MailboxDir} {
		if part != "" && (!filepath.IsLocal(part) || filepath.Clean(part) != part) {
			return fmt.Errorf("%q is not the name of a directory", part)
		}
	}
	return nil
}

// expand gives the location with absolute paths.
func (l Location) expand(home string) (Location, error) {
	for _, path := range []*string{&l.Root, &l.Inbox, &l.Control} {
		if *path == "" {
			continue
		}
		rest, tilde := strings.CutPrefix(*path, "~")
		if tilde && rest != "" && rest[0] != '/' {
			return Location{}, fmt.Errorf("mail path %q: the home of another user is not supported", *path)
		}
		if tilde || !filepath.IsAbs(*path) {
			if !filepath.IsAbs(home) {
				return Location{}, fmt.Errorf("mail path %q needs a home directory, and the user has none", *path)
			}
			*path = home + "/" + rest
		}
		*path = filepath.Clean(*path)
	}
	if l.Root == "" {
		return Location{}, errors.New("mail location has no path")
	}
	if l.Layout == "" {
		l.Layout = MaildirPlusPlus
	}
	return l, l.check()
}
