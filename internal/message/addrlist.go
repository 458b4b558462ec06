package message

import "strings"

// ParseAddresses reads an address list as leniently as Dovecot: what is wrong
// becomes an entry marked Invalid, and the reading goes on behind it where that
// makes sense. At most MaxAddresses addresses are read.
func ParseAddresses(s string) []Address {
	p := &listParser{addressScanner: addressScanner{s: s}}
	if p.skipSpace() != scanMore {
		return nil
	}
	for n := 0; n < MaxAddresses; n++ {
		if p.address() == scanEnd || p.peek() != ',' {
			break
		}
		p.at++
		if st := p.skipSpace(); st != scanMore {
			if st == scanBad {
				p.add(Address{Invalid: true})
			}
			break
		}
	}
	return p.list
}

// listParser reads the addresses of a list.
type listParser struct {
	addressScanner
	list []Address
}

// add keeps an entry. One that lacks a part of its address is invalid.
func (p *listParser) add(a Address) {
	if !a.Group && (a.Local == "" || a.Domain == "") {
		a.Invalid = true
	}
	p.list = append(p.list, a)
}

// address reads a group or a mailbox.
func (p *listParser) address() scan {
	start := p.at
	if name, st := p.phrase(); st == scanMore && p.peek() == ':' {
		return p.group(name)
	}
	p.at = start
	return p.mailbox()
}

// group reads the members of a group; the parser stands at the colon.
//
//	group = display-name ":" [ mailbox-list / CFWS ] ";" [ CFWS ]
func (p *listParser) group(name string) scan {
	p.at++
	st := p.skipSpace()
	p.add(Address{Group: true, Name: name, Invalid: st != scanMore})
	if st == scanMore && p.peek() != ';' {
		for {
			p.mailbox()
			if p.peek() != ',' {
				break
			}
			p.at++
			if st = p.skipSpace(); st != scanMore {
				st = scanBad
				break
			}
		}
	}
	if st != scanBad {
		st = scanBad
		if p.peek() == ';' {
			p.at++
			st = p.skipSpace()
		}
	}
	p.add(Address{Group: true, Invalid: st == scanBad})
	if st == scanEnd {
		return scanEnd
	}
	return scanMore
}

// mailbox reads one address.
//
//	mailbox = name-addr / addr-spec
func (p *listParser) mailbox() scan {
	start := p.at
	if name, st := p.phrase(); st == scanMore && p.peek() == '<' {
		a := Address{Name: name}
		if p.angle(&a) == scanBad {
			a.Invalid = true
		}
		p.add(a)
		return p.rest()
	}
	p.at = start
	a := Address{}
	st := p.spec(&a)
	if st == scanBad {
		a.Invalid = true
	}
	p.add(a)
	return st
}

// angle reads an address in angle brackets; the parser stands at the first.
//
//	angle-addr = "<" [ "@" route ":" ] addr-spec ">"
func (p *listParser) angle(a *Address) scan {
	p.at++
	if p.skipSpace() != scanMore {
		return scanBad
	}
	if p.peek() == '@' {
		if p.route() && p.peek() == ':' {
			p.at++
		}
		if p.skipSpace() != scanMore {
			return scanBad
		}
	}
	if p.peek() != '>' {
		var st scan
		if a.Local, st = p.localPart(); st != scanMore {
			return scanBad
		}
		if p.peek() == '@' {
			if a.Domain, st = p.domain(); st != scanMore {
				return scanBad
			}
		}
	}
	if p.peek() != '>' {
		return scanBad
	}
	p.at++
	return p.skipSpace()
}

// route passes a source route (RFC 5322 section 4.4); false when it is broken or the text ends.
func (p *listParser) route() bool {
	for p.peek() == '@' {
		if _, st := p.domain(); st != scanMore {
			return false
		}
		for p.skipSpace() == scanMore && p.peek() == ',' {
			p.at++
		}
	}
	return p.peek() >= 0
}

// spec reads an address without brackets. A comment behind it serves as its
// name; words without an @ are a name.
func (p *listParser) spec(a *Address) scan {
	p.comment = ""
	var st scan
	if a.Local, st = p.localPart(); st != scanMore {
		a.Invalid = true
	}
	hasDomain := false
	if st != scanEnd && p.peek() == '@' {
		var dst scan
		if a.Domain, dst = p.domain(); dst != scanMore {
			st = dst
		}
		hasDomain = true
	}
	switch {
	case p.comment != "":
		a.Name = p.comment
	case !hasDomain:
		more, _ := p.phrase()
		if more != "" {
			a.Name, a.Local = strings.TrimSpace(a.Local+" "+more), ""
		}
		a.Invalid = true
		return scanBad
	}
	return st
}
