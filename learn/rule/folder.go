package rule

import "strings"

// kind is what a folder is for the rules.
type kind int

const (
	other kind = iota
	junk
	trash
	ignored
)

// kinds of special uses (RFC 6154 section 2), in lower case.
var kinds = map[string]kind{`\junk`: junk, `\trash`: trash, `\sent`: ignored, `\drafts`: ignored}

// kind gives the kind of a folder by the longest name that is its own or that of a
// folder above it.
func (s *Settings) kind(folder string) kind {
	if folder == "" || strings.EqualFold(folder, "INBOX") {
		return other
	}
	best, found := -1, other
	try := func(name string, k kind) {
		if name = s.relative(name); len(name) > best && s.within(s.relative(folder), name) {
			best, found = len(name), k
		}
	}
	for name, uses := range s.Uses {
		for _, use := range uses {
			if k, ok := kinds[strings.ToLower(use)]; ok {
				try(name, k)
			}
		}
	}
	for _, list := range []struct {
		names []string
		kind  kind
	}{{s.Junk, junk}, {s.Trash, trash}, {s.Ignore, ignored}} {
		for _, name := range list.names {
			try(name, list.kind)
		}
	}
	return found
}

// IsJunk tells whether a folder is a junk folder, or below one.
func (s *Settings) IsJunk(folder string) bool { return s.kind(folder) == junk }

// relative gives a folder's name without the prefix of the namespace.
func (s *Settings) relative(folder string) string { return strings.TrimPrefix(folder, s.Prefix) }

// within tells whether a folder is the one of that name, in any case, or below it.
func (s *Settings) within(folder, name string) bool {
	if len(folder) < len(name) || name == "" || !strings.EqualFold(folder[:len(name)], name) {
		return false
	}
	rest := folder[len(name):]
	if rest == "" || s.Separator != "" {
		return rest == "" || strings.HasPrefix(rest, s.Separator)
	}
	return rest[0] == '/' || rest[0] == '.'
}
