package ere

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

// translator translates a POSIX extended regular expression, as the GNU library
// reads it, to Go's syntax.
type translator struct {
	src   string
	at    int
	depth int // of open parentheses

	plain          bool // nothing but text, dots and anchors so far
	atStart, atEnd bool // anchors of a plain expression
	texts          []string
}

var (
	errBadRepeat = errors.New("invalid preceding regular expression")
	errBadBraces = errors.New("invalid content of \\{\\}")
	errBadRange  = errors.New("invalid range end")
	errBracket   = errors.New("unmatched [, [^, [:, [., or [=")
)

func (p *translator) translate() (string, error) {
	p.plain, p.texts = true, []string{""}
	return p.alternatives()
}

// asPlain gives the expression as a plain one, nil when it is none, or has
// nothing to look for.
func (p *translator) asPlain(text Text) *plain {
	if !p.plain || len(p.texts) > 1 && p.texts[0] == "" && !p.atStart {
		return nil
	}
	return &plain{texts: p.texts, atStart: p.atStart, atEnd: p.atEnd, text: text}
}

func (p *translator) peek() byte {
	if p.at == len(p.src) {
		return 0
	}
	return p.src[p.at]
}

// alternatives reads branches up to the end or the parenthesis that closes the
// group; one that closes nothing is an ordinary character.
func (p *translator) alternatives() (string, error) {
	out := ""
	for {
		for p.at < len(p.src) && p.peek() != '|' && (p.peek() != ')' || p.depth == 0) {
			piece, err := p.piece()
			if err != nil {
				return "", err
			}
			out += piece
		}
		if p.peek() != '|' {
			return out, nil
		}
		p.plain = false
		p.at++
		out += "|"
	}
}

// piece reads an atom and its repetitions.
func (p *translator) piece() (string, error) {
	at := p.at
	out, err := p.atom()
	if err != nil {
		return "", err
	}
	for first := true; p.at < len(p.src) && strings.IndexByte("*+?{", p.src[p.at]) >= 0; first = false {
		p.plain = false
		if c := p.src[at]; first && c == '^' {
			return "", errBadRepeat
		}
		repeat, err := p.repeat()
		if err != nil {
			return "", err
		}
		if !first {
			out = "(?:" + out + ")" // Go takes a second one for "not greedy"
		}
		out += repeat
	}
	return out, nil
}

// repeat reads one repetition.
func (p *translator) repeat() (string, error) {
	if c := p.src[p.at]; c != '{' {
		p.at++
		return string(c), nil
	}
	end := strings.IndexByte(p.src[p.at:], '}')
	if end < 0 {
		return "", errors.New("unmatched { or \\{")
	}
	bounds := p.src[p.at+1 : p.at+end]
	p.at += end + 1
	from, to, ranged := strings.Cut(bounds, ",")
	if bounds == "" || strings.Trim(from+to, "0123456789") != "" || !ranged && from == "" {
		return "", errBadBraces
	}
	if from == "" {
		from = "0"
	}
	if !ranged {
		return "{" + from + "}", nil
	}
	return "{" + from + "," + to + "}", nil
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
		p.depth++
		out, err := p.alternatives()
		p.depth--
		if err == nil && p.peek() != ')' {
			err = errors.New("unmatched ( or \\(")
		}
		p.at++
		return "(" + out + ")", err
	case '[':
		p.plain = false
		return p.bracket()
	case '.':
		p.texts = append(p.texts, "")
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
	p.texts[len(p.texts)-1] += char
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
	out := "["
	if p.peek() == '^' {
		p.at++
		out += "^"
	}
	for first := true; ; first = false {
		if p.at == len(p.src) {
			return "", errBracket
		}
		if p.peek() == ']' && !first {
			p.at++
			return out + "]", nil
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
		}
		out += item
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
