package engine

import (
	"errors"
	"strings"
)

// CheckAnnotation tells what is wrong with the name of an annotation (RFC 5464
// section 3.2); nil for nothing.
func CheckAnnotation(name string) error {
	scope, rest, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	switch {
	case !strings.HasPrefix(name, "/"):
		return errors.New("it does not begin with '/'")
	case !EqualASCII(scope, "private") && !EqualASCII(scope, "shared"):
		return errors.New("it begins with neither '/private/' nor '/shared/'")
	case rest == "" || strings.HasSuffix(name, "/") || strings.Contains(name, "//"):
		return errors.New("a part of it is empty")
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == '*' || r == '%' }):
		return errors.New("it has a character that is not allowed")
	}
	return nil
}

// WarnAnnotations warns of constant names in an argument that no annotation can have.
func (call *Call) WarnAnnotations(names Strs) {
	for _, s := range names {
		if name, known := s.Const(); known {
			if err := CheckAnnotation(name); err != nil {
				call.Warnf(s.Pos, "%s: specified annotation name '%.256s' is invalid: %v", call.describe(), name, err)
			}
		}
	}
}

// WarnMailbox warns of a constant name that no mailbox can have.
func (call *Call) WarnMailbox(s *Str) {
	if name, known := s.Const(); known {
		if err := CheckMailbox(name); err != nil {
			call.Warnf(s.Pos, "%s: invalid mailbox name '%.80s' specified: %v", call.describe(), name, err)
		}
	}
}

// Annotation gives the value of an annotation of a mailbox, or of the server for
// the empty name. One that is not there, cannot be named so, or cannot be read
// is none: the script goes on, with a warning for the latter two.
func (r *Run) Annotation(c *Call, mailbox, name string) (value string, ok bool) {
	if err := CheckMailbox(mailbox); err != nil {
		r.Warn(c.Pos, "%s: invalid mailbox name '%.80s' specified: %v", c.describe(), mailbox, err)
		return "", false
	}
	if err := CheckAnnotation(name); err != nil {
		r.Warn(c.Pos, "%s: specified annotation name '%.256s' is invalid: %v", c.describe(), name, err)
		return "", false
	}
	if r.env.Metadata == nil || r.SpendLookup() != nil {
		return "", false
	}
	value, ok, err := r.env.Metadata.Annotation(r.ctx, mailbox, strings.ToLower(name))
	if err != nil {
		r.Warn(c.Pos, "%s: failed to retrieve annotation '%.256s': %v", c.describe(), name, err)
	}
	return value, ok && err == nil
}
