package ere

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// translator translates a POSIX extended regular expression, as the GNU library
// reads it, to Go's syntax.
type translator struct {
	src   string
	at    int
	depth int // of open parentheses

	fold   bool
	size   int // of the expression so far, as Regexp.Size
	groups int // begun so far
	items  int // in brackets so far
	folded int // characters in ranges of those, each of which is looked up in its other case

	plain          bool // nothing but text, dots and anchors so far
	atStart, atEnd bool // anchors of a plain expression
	texts          [][]byte
}

// Bounds of an expression, so that it does not take much memory and time: its size
// and cost, what is inside of each other, and the groups whose text is told.
const (
	maxSize   = 50_000
	maxDepth  = 250
	maxGroups = 31
)

// lastFolded is the last character that has another case (Unicode 15).
const lastFolded = 0x1e943

var (
	errTooLarge  = errors.New("the expression is too large")
	errBadRepeat = errors.New("invalid preceding regular expression")
	errBadBraces = errors.New("invalid content of \\{\\}")
	errBadRange  = errors.New("invalid range end")
	errBracket   = errors.New("unmatched [, [^, [:, [., or [=")
)

func (p *translator) translate() (string, error) {
	p.plain, p.texts = true, [][]byte{nil}
	return p.alternatives()
}

// asPlain gives the expression as a plain one, nil when it is none, or has
// nothing to look for.
func (p *translator) asPlain(text Text) *plain {
	if !p.plain || len(p.texts) > 1 && len(p.texts[0]) == 0 && !p.atStart {
		return nil
	}
	texts := make([]string, len(p.texts))
	for i, text := range p.texts {
		texts[i] = string(text)
	}
	return &plain{texts: texts, atStart: p.atStart, atEnd: p.atEnd, text: text}
}

// cost is that of the expression so far, as Regexp.Cost.
func (p *translator) cost() int { return p.size + p.items + p.folded/64 }

func (p *translator) peek() byte {
	if p.at == len(p.src) {
		return 0
	}
	return p.src[p.at]
}

// alternatives reads branches up to the end or the parenthesis that closes the
// group; one that closes nothing is an ordinary character.
func (p *translator) alternatives() (string, error) {
	var out strings.Builder
	for {
		for p.at < len(p.src) && p.peek() != '|' && (p.peek() != ')' || p.depth == 0) {
			piece, err := p.piece()
			if err != nil {
				return "", err
			}
			out.WriteString(piece)
		}
		if p.peek() != '|' {
			return out.String(), nil
		}
		p.plain = false
		p.at++
		p.size++
		out.WriteByte('|')
	}
}

// piece reads an atom and its repetitions.
func (p *translator) piece() (string, error) {
	at, before := p.at, p.size
	out, err := p.atom()
	if err != nil {
		return "", err
	}
	if p.size++; p.size > maxSize {
		return "", errTooLarge
	}
	n := 0
	for first := true; p.at < len(p.src) && strings.IndexByte("*+?{", p.src[p.at]) >= 0; first = false {
		p.plain = false
		if c := p.src[at]; first && c == '^' {
			return "", errBadRepeat
		}
		repeat, times, err := p.repeat()
		if err != nil {
			return "", err
		}
		if p.size = before + (p.size-before)*times + 1; p.size > maxSize {
			return "", errTooLarge
		}
		if n++; n > maxDepth {
			return "", errTooLarge
		}
		if !first {
			out = "(?:" + out + ")" // Go takes a second one for "not greedy"
		}
		out += repeat
	}
	return out, nil
}

// repeat reads one repetition, and how many times what is before it is needed for that.
func (p *translator) repeat() (out string, times int, err error) {
	if c := p.src[p.at]; c != '{' {
		p.at++
		return string(c), 1, nil
	}
	end := strings.IndexByte(p.src[p.at:], '}')
	if end < 0 {
		return "", 0, errors.New("unmatched { or \\{")
	}
	bounds := p.src[p.at+1 : p.at+end]
	p.at += end + 1
	from, to, ranged := strings.Cut(bounds, ",")
	if bounds == "" || strings.Trim(from+to, "0123456789") != "" || !ranged && from == "" {
		return "", 0, errBadBraces
	}
	if from == "" {
		from = "0"
	}
	if !ranged {
		return "{" + from + "}", bound(from), nil
	}
	return "{" + from + "," + to + "}", max(bound(from), bound(to)), nil
}

// bound reads a bound of a repetition, at least 1. One too large for Go's regexp
// is for that to refuse.
func bound(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n > 1000 {
		n = 1
	}
	return max(n, 1)
}

// atom reads what a repetition can follow.
func (p *translator) atom() (string, error) {
	c := p.src[p.at]
	p.at++
	switch c {
	case '*', '+', '?', '{':
		return "", errBadRepeat
	case '(':
		p.plain = false
		if p.depth++; p.depth > maxDepth {
			return "", errTooLarge
		}
		open := "("
		if p.groups++; p.groups > maxGroups {
			open = "(?:"
		}
		out, err := p.alternatives()
		p.depth--
		if err == nil && p.peek() != ')' {
			err = errors.New("unmatched ( or \\(")
		}
		p.at++
		return open + out + ")", err
	case '[':
		p.plain = false
		return p.bracket()
	case '.':
		if p.plain {
			p.texts = append(p.texts, nil)
		}
		return ".", nil
	case '^':
		p.plain = p.plain && p.at == 1
		p.atStart = true
		return "^", nil
	case '$':
		p.plain = p.plain && p.at == len(p.src)
		p.atEnd = true
		return "$", nil
	case '\\':
		return p.escape()
	}
	p.at--
	return p.literal(), nil
}

// literal reads a character that stands for itself.
func (p *translator) literal() string {
	_, n := utf8.DecodeRuneInString(p.src[p.at:])
	char := p.src[p.at : p.at+n]
	p.at += n
	if p.plain {
		last := &p.texts[len(p.texts)-1]
		*last = append(*last, char...)
	}
	return regexp.QuoteMeta(char)
}

// escapes are the escapes of the GNU library, and \d and \D, which everybody
// expects to be digits (Pigeonhole since 2.4).
var escapes = map[byte]string{
	'w': `\w`, 'W': `\W`, 's': `\s`, 'S': `\S`, 'd': `\d`, 'D': `\D`,
	'b': `\b`, 'B': `\B`, '<': `\b`, '>': `\b`, '`': `\A`, '\'': `\z`,
}

// escape reads what follows a backslash.
func (p *translator) escape() (string, error) {
	if p.at == len(p.src) {
		return "", errors.New("trailing backslash")
	}
	c := p.src[p.at]
	if c >= '1' && c <= '9' {
		return "", errors.New("back references are not supported")
	}
	if out, ok := escapes[c]; ok {
		p.at++
		p.plain = false
		return out, nil
	}
	return p.literal(), nil
}

// bracket reads a bracket expression; a backslash in it is an ordinary character.
func (p *translator) bracket() (string, error) {
	var out strings.Builder
	out.WriteByte('[')
	if p.peek() == '^' {
		p.at++
		out.WriteByte('^')
	}
	for first := true; ; first = false {
		if p.at == len(p.src) {
			return "", errBracket
		}
		if p.peek() == ']' && !first {
			p.at++
			out.WriteByte(']')
			return out.String(), nil
		}
		if p.items++; p.cost() > maxSize {
			return "", errTooLarge
		}
		item, char, err := p.bracketItem()
		if err != nil {
			return "", err
		}
		if char != 0 && p.peek() == '-' && p.at+1 < len(p.src) && p.src[p.at+1] != ']' {
			p.at++
			_, to, err := p.bracketItem()
			if err != nil {
				return "", err
			}
			if to < char {
				return "", errBadRange
			}
			item += "-" + quoteInBracket(to)
			if p.fold {
				p.folded += max(int(min(to, lastFolded)-char), 0)
			}
		}
		out.WriteString(item)
	}
}

// bracketItem reads a character or a class of a bracket expression; char is 0 for a class.
func (p *translator) bracketItem() (out string, char rune, err error) {
	rest := p.src[p.at:]
	if len(rest) > 1 && rest[0] == '[' && strings.IndexByte(":.=", rest[1]) >= 0 {
		end := strings.Index(rest[2:], rest[1:2]+"]")
		if end < 0 {
			return "", 0, errBracket
		}
		name := rest[2 : 2+end]
		p.at += end + 4
		if rest[1] == ':' {
			return "[:" + name + ":]", 0, nil // an unknown class is Go's to refuse
		}
		char, n := utf8.DecodeRuneInString(name)
		if n == 0 || n != len(name) {
			return "", 0, errors.New("invalid collation character")
		}
		return quoteInBracket(char), char, nil
	}
	char, n := utf8.DecodeRuneInString(rest)
	p.at += n
	return quoteInBracket(char), char, nil
}

func quoteInBracket(c rune) string {
	if strings.ContainsRune(`\]^-[`, c) {
		return `\` + string(c)
	}
	return string(c)
}
