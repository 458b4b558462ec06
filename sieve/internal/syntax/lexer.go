package syntax

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// maxIdentifier bounds identifiers and tags, in bytes (as Pigeonhole).
const maxIdentifier = 32

// token is the kind of a lexical token (RFC 5228 section 8.1).
type token int

const (
	tokNone token = iota
	tokEOF
	tokNumber
	tokIdentifier
	tokTag
	tokString
	tokLBracket // (
	tokRBracket // )
	tokLCurly
	tokRCurly
	tokLSquare
	tokRSquare
	tokSemicolon
	tokComma
	tokSlash
	tokColon
	tokGarbage // characters that begin no token; reported by the lexer, and the parser says where
	tokError   // a bad token, reported by the lexer; the parser adds nothing
)

var tokenNames = [...]string{
	tokNone: "no token", tokEOF: "end of file", tokNumber: "number", tokIdentifier: "identifier",
	tokTag: "tag", tokString: "string", tokLBracket: "'('", tokRBracket: "')'", tokLCurly: "'{'",
	tokRCurly: "'}'", tokLSquare: "'['", tokRSquare: "']'", tokSemicolon: "';'", tokComma: "','",
	tokSlash: "'/'", tokColon: "':'", tokGarbage: "unknown characters", tokError: "bad token",
}

func (t token) String() string { return tokenNames[t] }

// singles are the tokens of one character.
var singles = [256]token{
	'(': tokLBracket, ')': tokRBracket, '{': tokLCurly, '}': tokRCurly,
	'[': tokLSquare, ']': tokRSquare, ';': tokSemicolon, ',': tokComma,
}

// lexer cuts a script into tokens, one ahead of the parser.
type lexer struct {
	name  string
	src   string
	at    int // next byte
	line  int
	start int // where the line begins
	limit Limits
	diags Diagnostics

	tok token
	pos Pos
	str string // of a string, identifier or tag
	num uint64
}

// next reads the next token.
func (l *lexer) next() {
	prev := l.tok
	for l.tok = tokNone; l.at < len(l.src) && l.skipSpace(); {
		prev = tokNone
	}
	if l.tok == tokError {
		return
	}
	l.pos = l.here()
	c := l.peek()
	switch {
	case c < 0:
		l.tok = tokEOF
	case singles[c] != tokNone:
		l.at++
		l.tok = singles[c]
	case c == '"':
		l.quoted()
	case c == '/': // a comment was skipped already
		l.at++
		l.tok = tokSlash
	case isDigit(c):
		l.number()
	case isAlpha(c):
		l.identifier()
	case c == ':':
		l.tag()
	default:
		if prev != tokGarbage {
			l.errorf("unexpected character(s) starting with %s", printable(c))
		}
		l.skip()
		l.tok = tokGarbage
	}
}

// peek gives the next byte, -1 at the end.
func (l *lexer) peek() int {
	if l.at >= len(l.src) {
		return -1
	}
	return int(l.src[l.at])
}

// skip passes the next byte.
func (l *lexer) skip() {
	if l.at >= len(l.src) {
		return
	}
	if l.src[l.at] == '\n' {
		l.line++
		l.start = l.at + 1
	}
	l.at++
}

func (l *lexer) here() Pos { return Pos{Line: l.line, Col: l.at - l.start + 1} }

func (l *lexer) report(p Pos, s Severity, format string, args ...any) {
	l.diags.Add(Diagnostic{Script: l.name, Pos: p, Severity: s, Text: fmt.Sprintf(format, args...)})
}

func (l *lexer) errorf(format string, args ...any) { l.report(l.here(), Error, format, args...) }

// fail reports an error and makes the token bad.
func (l *lexer) fail(format string, args ...any) {
	l.errorf(format, args...)
	l.tok = tokError
}

// skipSpace passes one run of white space or one comment; false when there is
// none, or with the token set to tokError for a bad comment.
func (l *lexer) skipSpace() bool {
	switch c := l.peek(); {
	case isSpace(c):
		for isSpace(l.peek()) {
			l.skip()
		}
		return true
	case c == '#':
		return l.hashComment()
	case c == '/' && strings.HasPrefix(l.src[l.at:], "/*"):
		return l.bracketComment()
	}
	return false
}

// hashComment passes a comment to the end of its line.
func (l *lexer) hashComment() bool {
	for {
		switch l.peek() {
		case '\n':
			l.skip()
			return true
		case -1:
			l.report(l.here(), Warning, "no newline (CRLF) at end of hash comment at end of file")
			return true
		case 0:
			l.fail("encountered NUL character in hash comment")
			return false
		}
		l.at++
	}
}

// bracketComment passes a comment between /* and */.
func (l *lexer) bracketComment() bool {
	l.pos = l.here()
	l.at += 2
	for {
		switch l.peek() {
		case -1:
			l.fail("end of file before end of bracket comment ('/* ... */') started at line %d", l.pos.Line)
			return false
		case 0:
			l.fail("encountered NUL character in bracket comment")
			return false
		case '*':
			l.at++
			if l.peek() == '/' {
				l.at++
				return true
			}
		default:
			l.skip()
		}
	}
}

// number reads a number with its quantifier (RFC 5228 section 2.4.1).
func (l *lexer) number() {
	var n uint64
	overflow := false
	for isDigit(l.peek()) {
		hi, lo := bits.Mul64(n, 10)
		sum, carry := bits.Add64(lo, uint64(l.src[l.at]-'0'), 0)
		overflow = overflow || hi != 0 || carry != 0
		n = sum
		l.at++
	}
	shift := 0
	switch l.peek() {
	case 'k', 'K':
		shift = 10
	case 'm', 'M':
		shift = 20
	case 'g', 'G':
		shift = 30
	}
	if shift > 0 {
		l.at++
		overflow = overflow || n > math.MaxUint64>>shift
	}
	if overflow {
		l.fail("number exceeds integer limits (max %d)", uint64(math.MaxUint64))
		return
	}
	l.tok, l.num = tokNumber, n<<shift
}

// tag reads a tag; a colon that begins none is a token of its own.
func (l *lexer) tag() {
	l.at++
	if !isAlpha(l.peek()) {
		l.tok = tokColon
		return
	}
	l.word(tokTag, "tag identifier ':")
}

// identifier reads an identifier, or a multi-line string after "text:".
func (l *lexer) identifier() {
	l.word(tokIdentifier, "identifier '")
	if l.tok == tokIdentifier && l.str == "text" && l.peek() == ':' {
		l.at++
		l.multiline()
	}
}

// word reads the characters of an identifier; they come out in lower case.
func (l *lexer) word(tok token, what string) {
	from := l.at
	for c := l.peek(); isAlpha(c) || isDigit(c); c = l.peek() {
		l.at++
	}
	word := l.src[from:l.at]
	if len(word) > maxIdentifier {
		l.fail("encountered impossibly long %s%s...'", what, word[:maxIdentifier])
		return
	}
	l.tok, l.str = tok, strings.ToLower(word)
}

func isSpace(c int) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
func isDigit(c int) bool { return c >= '0' && c <= '9' }
func isAlpha(c int) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// printable shows a byte in a message.
func printable(c int) string {
	if c > 31 && c < 127 {
		return fmt.Sprintf("'%c'", c)
	}
	return fmt.Sprintf("0x%02x", c)
}
