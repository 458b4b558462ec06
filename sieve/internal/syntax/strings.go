package syntax

import "strings"

// text collects the bytes of a string, and notices when they are too many
// without keeping those beyond.
type text struct {
	b     strings.Builder
	limit int
}

func (t *text) add(s string) {
	if t.b.Len() <= t.limit {
		t.b.WriteString(s)
	}
}

func (t *text) tooLong() bool { return t.b.Len() > t.limit }

// quoted reads a quoted string (RFC 5228 section 2.4.2). Line ends in it become
// CRLF; a bare LF is allowed.
func (l *lexer) quoted() {
	l.at++
	if end := l.at + plain(l.src[l.at:]); end < len(l.src) && l.src[end] == '"' && end-l.at <= l.limit.StringSize {
		l.tok, l.str = tokString, l.src[l.at:end] // most are so: no copy is needed
		l.at = end + 1
		return
	}
	t := text{limit: l.limit.StringSize}
	for l.peek() != '"' {
		if l.peek() == '\\' {
			l.at++
		}
		switch c := l.peek(); c {
		case -1:
			l.fail("end of file before end of quoted string started at line %d", l.pos.Line)
			return
		case 0:
			l.fail("encountered NUL character in quoted string started at line %d", l.pos.Line)
			return
		case '\r':
			l.at++
			if l.peek() != '\n' {
				l.fail("found stray carriage-return (CR) character in quoted string started at line %d", l.pos.Line)
				return
			}
			t.add("\r\n")
		case '\n':
			t.add("\r\n")
		default:
			t.add(l.plainRun())
			continue
		}
		l.skip()
	}
	l.at++
	if t.tooLong() {
		l.fail("quoted string started at line %d is too long (longer than %d bytes)", l.pos.Line, l.limit.StringSize)
		return
	}
	l.tok, l.str = tokString, t.b.String()
}

// plainRun passes the next byte, whatever it is, and those after it that mean
// nothing special in a quoted string.
func (l *lexer) plainRun() string {
	from := l.at
	l.at += 1 + plain(l.src[l.at+1:])
	return l.src[from:l.at]
}

// plain counts the bytes at the beginning of s that mean nothing special in a
// quoted string.
func plain(s string) int {
	for i := range len(s) {
		switch s[i] {
		case '"', '\\', '\r', '\n', 0:
			return i
		}
	}
	return len(s)
}

// multiline reads the lines after "text:" up to the one with a dot alone. The
// lexer stands after the colon.
func (l *lexer) multiline() {
	for l.peek() == ' ' || l.peek() == '\t' {
		l.at++
	}
	if l.peek() == '\r' {
		l.at++
	}
	switch c := l.peek(); c {
	case '#':
		if !l.hashComment() {
			return
		}
	case '\n':
		l.skip()
	case -1:
		l.fail("end of file before end of multi-line string")
		return
	default:
		l.fail("invalid character %s after 'text:' in multiline string", printable(c))
		return
	}
	t := text{limit: l.limit.StringSize}
	for {
		end, ok := l.textLine(&t)
		if !ok {
			return
		}
		if end {
			break
		}
	}
	if t.tooLong() {
		l.fail("multi-line string started at line %d is too long (longer than %d bytes)", l.pos.Line, l.limit.StringSize)
		return
	}
	l.tok, l.str = tokString, t.b.String()
}

// textLine reads one line of a multi-line string; end tells that it was the
// last, ok that nothing was wrong.
func (l *lexer) textLine(t *text) (end, ok bool) {
	if l.peek() == '.' { // dot-stuffing, RFC 5228 section 2.4.2
		l.at++
		cr := l.peek() == '\r'
		if cr {
			l.at++
		}
		switch {
		case l.peek() == '\n':
			l.skip()
			return true, true
		case cr:
			l.strayCR()
			return false, false
		}
		t.add(".")
		if l.peek() == '.' {
			l.at++
		}
	}
	from := l.at
	for c := l.peek(); c != '\n' && c != '\r'; c = l.peek() {
		switch c {
		case -1:
			l.fail("end of file before end of multi-line string")
			return false, false
		case 0:
			l.fail("encountered NUL character in multi-line string started at line %d", l.pos.Line)
			return false, false
		}
		l.at++
	}
	t.add(l.src[from:l.at])
	if l.peek() == '\r' {
		l.at++
	}
	if l.peek() != '\n' {
		l.strayCR()
		return false, false
	}
	l.skip()
	t.add("\r\n")
	return false, true
}

func (l *lexer) strayCR() {
	l.fail("found stray carriage-return (CR) character in multi-line string started at line %d", l.pos.Line)
}
