package message

import "strings"

// scan is how a part of an address ended.
type scan int

const (
	scanBad  scan = iota // wrong syntax
	scanEnd              // read, and nothing follows
	scanMore             // read, something follows
)

// addressScanner reads the lexical parts of addresses (RFC 5322 section 3.2),
// leniently: 8-bit characters are atext.
type addressScanner struct {
	s       string
	at      int
	comment string // the last comment
}

// peek gives the next byte, -1 at the end.
func (p *addressScanner) peek() int {
	if p.at >= len(p.s) {
		return -1
	}
	return int(p.s[p.at])
}

// rest tells whether something follows.
func (p *addressScanner) rest() scan {
	if p.at >= len(p.s) {
		return scanEnd
	}
	return scanMore
}

// isAtext tells whether c may stand in an atom.
func isAtext(c byte) bool {
	switch {
	case c >= 0x80, c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// skipSpace passes white space and comments (CFWS).
func (p *addressScanner) skipSpace() scan {
	for p.at < len(p.s) {
		switch p.s[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		case '(':
			if !p.skipComment() {
				return scanBad
			}
		default:
			return scanMore
		}
	}
	return scanEnd
}

// skipComment passes a comment with those nested in it; false when it has no end.
func (p *addressScanner) skipComment() bool {
	p.at++
	var b strings.Builder
	for level := 1; p.at < len(p.s); p.at++ {
		c := p.s[p.at]
		switch c {
		case '(':
			level++
		case ')':
			if level--; level == 0 {
				p.at++
				p.comment = b.String()
				return true
			}
		case '\\':
			if p.at++; p.at == len(p.s) {
				return false
			}
			c = p.s[p.at]
		}
		b.WriteByte(c)
	}
	return false
}

// run passes the bytes that belong to an atom, and dots where they may.
func (p *addressScanner) run(dots bool) string {
	from := p.at
	for p.at < len(p.s) && (isAtext(p.s[p.at]) || dots && p.s[p.at] == '.') {
		p.at++
	}
	return p.s[from:p.at]
}

// joiner puts pieces together. The time is linear in their length, however many there
// are: hostile headers have half a million. Of one piece it makes no copy.
type joiner struct {
	one  string
	many strings.Builder
}

func (j *joiner) add(piece string) {
	switch {
	case piece == "":
	case j.one == "":
		j.one = piece
	default:
		if j.many.Len() == 0 {
			j.many.WriteString(j.one)
		}
		j.many.WriteString(piece)
	}
}

func (j *joiner) String() string {
	if j.many.Len() > 0 {
		return j.many.String()
	}
	return j.one
}

// atom reads an atom and the space after it.
func (p *addressScanner) atom() (string, scan) {
	word := p.run(false)
	if word == "" {
		return "", scanBad
	}
	return word, p.skipSpace()
}

// dotAtom reads atoms with dots between them, and space around those (RFC 5322 section 4.4).
func (p *addressScanner) dotAtom() (string, scan) {
	var text joiner
	word, st := p.atom()
	text.add(word)
	for st == scanMore && p.peek() == '.' {
		p.at++
		text.add(".")
		if p.skipSpace() != scanMore {
			return text.String(), scanBad
		}
		word, st = p.atom()
		text.add(word)
	}
	return text.String(), st
}

// quoted reads a quoted string; the scanner stands at its quote.
func (p *addressScanner) quoted() (string, scan) {
	p.at++
	if i := strings.IndexAny(p.s[p.at:], "\"\\\r\n"); i >= 0 && p.s[p.at+i] == '"' {
		text := p.s[p.at : p.at+i]
		p.at += i + 1
		return text, p.skipSpace()
	}
	var b strings.Builder
	for ; p.at < len(p.s); p.at++ {
		switch c := p.s[p.at]; c {
		case '"':
			p.at++
			return b.String(), p.skipSpace()
		case '\r', '\n': // folding
		case '\\':
			if p.at++; p.at == len(p.s) {
				return b.String(), scanBad
			}
			b.WriteByte(p.s[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), scanBad
}

// phrase reads words up to something else. An empty one ends well, too.
func (p *addressScanner) phrase() (string, scan) {
	if p.at >= len(p.s) {
		return "", scanEnd
	}
	if p.s[p.at] == '.' {
		return "", scanBad
	}
	var text joiner
	for {
		var word string
		var st scan
		if p.peek() == '"' {
			word, st = p.quoted()
		} else {
			word = p.run(true)
			st = p.skipSpace()
		}
		text.add(word)
		if st != scanMore {
			return text.String(), st
		}
		if c := p.s[p.at]; !isAtext(c) && c != '"' && c != '.' {
			return text.String(), scanMore
		}
		text.add(" ")
	}
}

// localPart reads what stands before an @. Dots may stand anywhere, since there
// are such addresses.
func (p *addressScanner) localPart() (string, scan) {
	if p.peek() == '"' {
		return p.quoted()
	}
	var text joiner
	st := scanBad
	for {
		from := p.at
		for p.peek() == '.' {
			p.at++
		}
		if p.at > from {
			text.add(p.s[from:p.at])
			if st = p.rest(); st == scanEnd {
				return text.String(), scanEnd
			}
		}
		if p.peek() == '@' {
			return text.String(), st
		}
		var word string
		if word, st = p.atom(); st == scanBad {
			return text.String(), scanBad
		}
		text.add(word)
		if st != scanMore || p.peek() != '.' {
			return text.String(), st
		}
	}
}

// domain reads what follows an @, at which the scanner stands.
func (p *addressScanner) domain() (string, scan) {
	p.at++
	if p.skipSpace() != scanMore {
		return "", scanBad
	}
	if p.peek() != '[' {
		return p.dotAtom()
	}
	from := p.at
	for p.at++; p.at < len(p.s); p.at++ {
		switch p.s[p.at] {
		case '[':
			return "", scanBad
		case ']':
			p.at++
			return p.s[from:p.at], p.skipSpace()
		case '\\':
			p.at++
		}
	}
	p.at = min(p.at, len(p.s))
	return "", scanBad
}
