// Package expand fills Dovecot's variables into setting values: names of users,
// homes and mail locations. Both generations of its syntax are read, also mixed:
//
//	%u %n %d …        Dovecot 2.3, one letter; %Lu with modifiers, %1.2u parts of it
//	%{user} %L{user}  Dovecot 2.3, long names; %{sha256:user} hashes
//	%{user | lower}   Dovecot 2.4, a value and filters
//	%%                a percent sign
//
// Variables: user (u), username (n), domain (d), domain_first, domain_last,
// home (h), uid (i), gid, service or protocol (s), lip or local_ip (l), rip or
// remote_ip (r), hostname, pid (p). auth_… and owner_… are those of the user.
// Dovecot's %{if;…}, %{env:…}, %{userdb:…}, encryption and the arithmetic of 2.4
// are not known; whatever is not known is an error when the template is parsed.
package expand

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Vars are the values of the variables. What is not known yet is left empty.
type Vars struct {
	User     string // user or user@domain
	Home     string
	UID, GID uint32
	Service  string // "lmtp", "lda", …
	Hostname string
	LocalIP  string
	RemoteIP string

	Mailbox string // see ParseForMessage
	Year    int
}

// Template is a parsed setting value; it never changes and may be shared.
type Template struct {
	source string
	parts  []part
}

// part is literal text or, with a value, a variable and what is done to it.
type part struct {
	literal string
	value   func(*Vars) string
	name    string // of the variable
}

// Parse reads a setting value.
func Parse(s string) (*Template, error) {
	t, err := ParseForMessage(s)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"mailbox", "year"} {
		if t.Uses(name) {
			return nil, fmt.Errorf("%q: unknown variable %q", s, name)
		}
	}
	return t, nil
}

// ParseForMessage is Parse for what stands for one stored message: there are the
// variables mailbox and year, too.
func ParseForMessage(s string) (*Template, error) {
	t := &Template{source: s}
	for rest := s; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			t.parts = append(t.parts, part{literal: rest[:i]})
			rest = rest[i:]
			continue
		}
		p, n, err := parseVariable(rest[1:])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		t.parts = append(t.parts, p)
		rest = rest[1+n:]
	}
	return t, nil
}

// MustParse is Parse for constants of a program; it panics on an error.
func MustParse(s string) *Template {
	t, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return t
}

// String gives the value as it was written.
func (t *Template) String() string { return t.source }

// Uses tells whether the variable of that long name occurs.
func (t *Template) Uses(name string) bool {
	for _, p := range t.parts {
		if p.name == name {
			return true
		}
	}
	return false
}

// Constant tells that no variable occurs.
func (t *Template) Constant() bool {
	return !slices.ContainsFunc(t.parts, func(p part) bool { return p.value != nil && p.name != "%" })
}

// Expand fills the variables in.
func (t *Template) Expand(v *Vars) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.value == nil {
			b.WriteString(p.literal)
		} else {
			b.WriteString(p.value(v))
		}
	}
	return b.String()
}

// Path fills the variables into a file name. A value that could lead out of the
// place that the template means is an error: one holding "/", a NUL or a
// character of forbid, and a name that becomes "." or "..". The home is taken
// as it is.
func (t *Template) Path(v *Vars, forbid string) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.value == nil {
			b.WriteString(p.literal)
			continue
		}
		value := p.value(v)
		if p.name != "home" && strings.ContainsAny(value, "/\x00"+forbid) {
			return "", fmt.Errorf("%q: %q has a character that a file name may not have here", t.source, value)
		}
		b.WriteString(value)
	}
	path := b.String()
	if dots(path) > dots(t.source) {
		return "", fmt.Errorf("%q: a part of %q would be %q or %q", t.source, path, ".", "..")
	}
	return path, nil
}

// dots counts the parts of a path that are "." or "..".
func dots(path string) int {
	n := 0
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == ':' }) {
		if part == "." || part == ".." {
			n++
		}
	}
	return n
}

// short maps Dovecot 2.3's one-letter names to the long ones.
var short = map[byte]string{
	'u': "user", 'n': "username", 'd': "domain", 'h': "home", 'i': "uid",
	's': "service", 'l': "lip", 'r': "rip", 'p': "pid", '%': "%",
}

// variable gives the value of a variable by its long name, nil when unknown, and
// the name that Uses knows it by.
func variable(name string) (string, func(*Vars) string) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "auth_"), "owner_")
	switch name {
	case "user":
		return name, func(v *Vars) string { return v.User }
	case "username":
		return name, func(v *Vars) string { return username(v.User) }
	case "domain":
		return name, func(v *Vars) string { return domain(v.User) }
	case "domain_first":
		return name, func(v *Vars) string { return username(domain(v.User)) }
	case "domain_last":
		return name, func(v *Vars) string {
			d := domain(v.User)
			return d[strings.LastIndexByte(d, '@')+1:]
		}
	case "home":
		return name, func(v *Vars) string { return v.Home }
	case "uid":
		return name, func(v *Vars) string { return strconv.FormatUint(uint64(v.UID), 10) }
	case "gid":
		return name, func(v *Vars) string { return strconv.FormatUint(uint64(v.GID), 10) }
	case "service", "protocol":
		return "service", func(v *Vars) string { return v.Service }
	case "lip", "local_ip":
		return "lip", func(v *Vars) string { return v.LocalIP }
	case "rip", "remote_ip":
		return "rip", func(v *Vars) string { return v.RemoteIP }
	case "hostname":
		return name, func(v *Vars) string { return v.Hostname }
	case "mailbox":
		return name, func(v *Vars) string { return v.Mailbox }
	case "year":
		return name, func(v *Vars) string { return strconv.Itoa(v.Year) }
	case "pid":
		return name, func(*Vars) string { return strconv.Itoa(os.Getpid()) }
	case "%":
		return name, func(*Vars) string { return "%" }
	}
	return name, nil
}

// username is what stands before the first @, all of it without one.
func username(user string) string {
	name, _, _ := strings.Cut(user, "@")
	return name
}

// domain is what stands after the first @, nothing without one.
func domain(user string) string {
	_, domain, _ := strings.Cut(user, "@")
	return domain
}
