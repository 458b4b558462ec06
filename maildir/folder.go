package maildir

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"dovetail/internal/mailstore"
)

// Limits of names. Dovecot's are the same; the file system's is 255 for a part.
const (
	maxName  = 4096 // bytes of a name
	maxPart  = 255  // bytes of a path's part on disk
	maxDepth = 20   // parts of a name
)

// folder is a mailbox and where it lies.
type folder struct {
	name    string   // as callers know it, INBOX in capitals
	parts   []string // as on disk; of INBOX: {"INBOX"}
	dir     string   // holds tmp, new, cur
	control string   // holds dovecot-uidlist, dovecot-keywords
}

func (f folder) isInbox() bool { return len(f.parts) == 1 && f.parts[0] == mailstore.Inbox }

// folder finds the place of a mailbox; ErrBadName when there can be none.
func (s *Store) folder(name string) (folder, error) {
	parts, err := s.splitName(name)
	if err != nil {
		return folder{}, fmt.Errorf("%w: %q: %w", mailstore.ErrBadName, name, err)
	}
	for i, part := range parts {
		if !s.loc.UTF8 {
			parts[i] = encodeUTF7(part)
		}
		if len(parts[i]) > maxPart {
			return folder{}, fmt.Errorf("%w: %q: too long", mailstore.ErrBadName, name)
		}
	}
	f := s.locate(parts)
	if s.loc.Layout == MaildirPlusPlus && !f.isInbox() && len(f.dir)-len(s.loc.Root)-1 > maxPart {
		return folder{}, fmt.Errorf("%w: %q: too long", mailstore.ErrBadName, name)
	}
	return f, nil
}

// splitName gives the parts of a name in UTF-8, after all checks on them.
func (s *Store) splitName(name string) ([]string, error) {
	switch {
	case len(name) > maxName:
		return nil, fmt.Errorf("longer than %d bytes", maxName)
	case !utf8.ValidString(name):
		return nil, fmt.Errorf("not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl), strings.ContainsAny(name, "\u2028\u2029"):
		return nil, fmt.Errorf("control character")
	}
	name = upperInbox(name, s.separator)
	if name == mailstore.Inbox {
		return []string{name}, nil
	}
	rest, ok := strings.CutPrefix(name, s.prefix)
	if !ok {
		return nil, fmt.Errorf("outside the namespace %q", s.prefix)
	}
	parts := strings.Split(rest, s.separator)
	if len(parts) > maxDepth {
		return nil, fmt.Errorf("more than %d levels", maxDepth)
	}
	if len(parts) == 1 && parts[0] == mailstore.Inbox {
		return nil, fmt.Errorf("%s has no prefix", mailstore.Inbox)
	}
	for i, part := range parts {
		if err := s.checkPart(part, i); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// upperInbox writes INBOX in capitals where it is the whole first part.
func upperInbox(name, separator string) string {
	n := len(mailstore.Inbox)
	if len(name) < n || !strings.EqualFold(name[:n], mailstore.Inbox) {
		return name
	}
	if len(name) == n || strings.HasPrefix(name[n:], separator) {
		return mailstore.Inbox + name[n:]
	}
	return name
}

func (s *Store) checkPart(part string, i int) error {
	switch {
	case part == "":
		return fmt.Errorf("empty part")
	case part == "." || part == "..":
		return fmt.Errorf("part %q", part)
	case i == 0 && part[0] == '~':
		return fmt.Errorf("begins with ~")
	case strings.Contains(part, "/"):
		return fmt.Errorf("character / not allowed")
	case s.loc.Layout == MaildirPlusPlus && strings.Contains(part, "."):
		return fmt.Errorf("character . not allowed")
	case s.loc.Layout == FileSystem && s.isInternal(part):
		return fmt.Errorf("%q is a part of Maildir", part)
	}
	return nil
}

// isInternal tells whether a directory of that name is a part of a folder and not
// a folder itself.
func (s *Store) isInternal(part string) bool {
	if s.loc.DirName != "" {
		return part == s.loc.DirName
	}
	return part == "cur" || part == "new" || part == "tmp"
}

// locate gives the place of a folder; parts are as on disk.
func (s *Store) locate(parts []string) folder {
	f := folder{name: s.nameOf(parts), parts: parts}
	var relative string
	if s.loc.Layout == MaildirPlusPlus {
		relative = "/." + strings.Join(parts, ".")
	} else {
		relative = s.mailboxDir() + "/" + strings.Join(parts, "/")
	}
	dirName := ""
	if s.loc.DirName != "" {
		dirName = "/" + s.loc.DirName
	}
	f.dir = s.loc.Root + relative + dirName
	if f.isInbox() {
		switch {
		case s.loc.Inbox != "":
			f.dir = s.loc.Inbox
		case dirName == "":
			f.dir = s.loc.Root
		}
	}
	switch {
	case s.loc.Control == "":
		f.control = f.dir
	case s.loc.FullDirName:
		f.control = s.loc.Control + relative + dirName
	default:
		f.control = s.loc.Control + relative
	}
	return f
}

func (s *Store) mailboxDir() string {
	if s.loc.MailboxDir == "" {
		return ""
	}
	return "/" + s.loc.MailboxDir
}

// nameOf gives the name that callers use; empty when the disk holds something that
// no name leads to.
func (s *Store) nameOf(parts []string) string {
	if len(parts) == 1 && parts[0] == mailstore.Inbox {
		return mailstore.Inbox
	}
	names := make([]string, len(parts))
	for i, part := range parts {
		names[i] = part
		if !s.loc.UTF8 {
			var ok bool
			if names[i], ok = decodeUTF7(part); !ok {
				return ""
			}
		}
		if strings.Contains(names[i], s.separator) {
			return ""
		}
	}
	return s.prefix + strings.Join(names, s.separator)
}

// controlRoot is the directory of subscriptions and maildirsize.
func (s *Store) controlRoot() string {
	if s.loc.Control != "" {
		return s.loc.Control
	}
	return s.loc.Root
}
