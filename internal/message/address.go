package message

import (
	"errors"
	"fmt"
	"mime"
	"strings"
)

// MaxAddresses bounds the addresses read from one field, as Dovecot does.
const MaxAddresses = 256

// Address is one entry of an address list (RFC 5322 section 3.4). The start and
// the end of a group are entries of their own, as in IMAP's envelope (RFC 3501
// section 7.4.2): both have Group set, the start has the group's name as Name.
type Address struct {
	Name    string // display name, or a comment that stands for it; not decoded
	Local   string // local part without its quotes
	Domain  string // "" when missing
	Group   bool
	Invalid bool // the syntax was wrong; what could be read is in the other fields
}

// IsMailbox tells whether mail can be addressed to a: both parts are there, the
// syntax is right and the local part is printable ASCII.
func (a Address) IsMailbox() bool {
	return !a.Group && !a.Invalid && a.Local != "" && a.Domain != "" && printableASCII(a.Local)
}

// String gives the addr-spec, its local part quoted where that is needed (RFC 5321 section 4.1.2).
func (a Address) String() string {
	local := quoteLocal(a.Local)
	if a.Domain == "" {
		return local
	}
	return local + "@" + a.Domain
}

// quoteLocal quotes a local part that is no dot-string.
func quoteLocal(local string) string {
	if dotString(local) {
		return local
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(local); i++ {
		if local[i] == '"' || local[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(local[i])
	}
	b.WriteByte('"')
	return b.String()
}

// dotString tells whether s can stand unquoted before the @.
func dotString(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isAtext(s[i]) && s[i] != '.' {
			return false
		}
	}
	return true
}

func printableASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// hasControl tells of a control character: in an address literal it would be one in a
// line of SMTP or of a header.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// ParseAddress reads one address that mail is to be sent to: an addr-spec, or a
// phrase with one in angle brackets (RFC 5228 section 2.4.2.3). The domain comes
// out in lower case. The error says what is wrong.
func ParseAddress(s string) (Address, error) {
	p := addressScanner{s: s}
	if p.skipSpace() == scanEnd {
		return Address{}, errors.New("empty address")
	}
	start := p.at
	if _, st := p.phrase(); st != scanMore || p.peek() != '<' {
		p.at = start
		return p.strictSpec(0)
	}
	p.at++
	if p.skipSpace() != scanMore {
		return Address{}, errors.New("invalid characters after <")
	}
	return p.strictSpec('>')
}

// strictSpec reads the addr-spec that the rest of the text must be, up to the
// byte that closes it (0: the end).
func (p *addressScanner) strictSpec(closing byte) (Address, error) {
	local, st := p.localPart()
	if st == scanBad || !printableASCII(local) {
		return Address{}, errors.New("invalid local part")
	}
	if st == scanEnd || p.peek() != '@' {
		return Address{}, fmt.Errorf("invalid or lonely local part '%s' (expecting '@')", local)
	}
	domain, st := p.domain()
	if st == scanBad || hasControl(domain) {
		return Address{}, errors.New("invalid or missing domain")
	}
	if closing != 0 {
		if p.peek() != int(closing) {
			return Address{}, fmt.Errorf("missing '%c'", closing)
		}
		p.at++
		if p.skipSpace() == scanBad {
			return Address{}, errors.New("address ends with invalid characters")
		}
	}
	switch {
	case p.peek() == ',':
		return Address{}, errors.New("not a single address (found ',')")
	case p.peek() >= 0:
		return Address{}, errors.New("address ends in invalid characters")
	case local == "":
		return Address{}, errors.New("missing local part")
	}
	return Address{Local: local, Domain: strings.ToLower(domain)}, nil
}

// ParsePath reads an SMTP path (RFC 5321 section 4.1.2) as MTAs hand it over:
// the brackets may be missing, "" and "<>" are the null path, the domain may be
// missing.
func ParsePath(s string) (Address, error) {
	bad := fmt.Errorf("invalid path %q", s)
	p := addressScanner{s: strings.TrimSpace(s)}
	if p.s == "" || p.s == "<>" {
		return Address{}, nil
	}
	closing := p.peek() == '<'
	if closing {
		p.at++
		if p.peek() == '@' && !p.sourceRoute() {
			return Address{}, bad
		}
	}
	var a Address
	var st scan
	if a.Local, st = p.localPart(); st == scanBad || a.Local == "" || hasControl(a.Local) {
		return Address{}, bad
	}
	if p.peek() == '@' {
		if a.Domain, st = p.domain(); st == scanBad || !validDomain(a.Domain) || hasControl(a.Domain) {
			return Address{}, bad
		}
	}
	if closing {
		if p.peek() != '>' {
			return Address{}, bad
		}
		p.at++
	}
	if p.peek() >= 0 {
		return Address{}, bad
	}
	return a, nil
}

// sourceRoute passes a source route, which is ignored (RFC 5321 appendix C):
// "@" domain *("," "@" domain) ":"
func (p *addressScanner) sourceRoute() bool {
	for {
		if d, st := p.domain(); st != scanMore || !validDomain(d) {
			return false
		}
		p.at++
		switch p.s[p.at-1] {
		case ':':
			return true
		case ',':
			if p.peek() != '@' {
				return false
			}
		default:
			return false
		}
	}
}

// validDomain tells whether d is a domain, of labels without an empty one, or an
// address literal.
func validDomain(d string) bool {
	return d != "" && (d[0] == '[' || d[0] != '.' && d[len(d)-1] != '.' && !strings.Contains(d, ".."))
}

// FormatMailbox gives an address with its display name as it stands in a header
// field: the name quoted, or encoded (RFC 2047) where it is not ASCII. Without a
// name it is the addr-spec alone.
func FormatMailbox(name, addrSpec string) string {
	if name == "" {
		return addrSpec
	}
	if printableASCII(name) {
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	} else {
		name = mime.QEncoding.Encode("utf-8", name)
	}
	return name + " <" + addrSpec + ">"
}
