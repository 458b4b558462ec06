package ext

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"dovetail/sieve/internal/engine"
)

var _ = engine.Register(&engine.Extension{
	Name: "regex", Spec: "draft-ietf-sieve-regex-01",
	MatchTypes: []engine.MatchType{{
		Name: "regex",
		Check: func(_ *engine.Call, u *engine.MatchUse) error {
			if u.Comparator.Name != "i;octet" && u.Comparator.Name != "i;ascii-casemap" {
				return errors.New("regex match type only supports i;octet and i;ascii-casemap comparators")
			}
			return nil
		},
		Key: compileRegex,
	}},
	Modifiers: []engine.Modifier{{Name: "quoteregex", Precedence: 20, Apply: quoteRegex}},
})

// compileRegex compiles a POSIX extended regular expression (draft section 3).
// Matching takes time linear in the value; a back reference, which does not
// allow that, is refused. An expression that is only text is not run as one.
func compileRegex(u *engine.MatchUse, key string) (engine.KeyMatcher, error) {
	fail := func(err error) (engine.KeyMatcher, error) {
		return nil, fmt.Errorf("invalid regular expression '%s' for regex match: %w", key, err)
	}
	p := &eregex{src: key}
	expr, err := p.translate()
	if err != nil {
		return fail(err)
	}
	if p.plain {
		return matchPlain(u.Comparator, p), nil
	}
	flags := "(?s)"
	if u.Comparator.Name == "i;ascii-casemap" {
		flags = "(?is)"
	}
	re, err := regexp.Compile(flags + expr)
	if err != nil {
		return fail(err)
	}
	re.Longest() // POSIX: the longest of the leftmost matches
	return func(r *engine.Run, value string) bool {
		if !r.WantsCaptures() {
			return re.MatchString(value)
		}
		found := re.FindStringSubmatch(value)
		if found == nil {
			return false
		}
		r.SetCaptured(found)
		return true
	}, nil
}

// matchPlain matches an expression that holds nothing but text and anchors.
func matchPlain(cmp *engine.Comparator, p *eregex) engine.KeyMatcher {
	text, start, end := p.text.String(), p.atStart, p.atEnd
	find := func(value string) (int, int) {
		switch {
		case start && end:
			if !cmp.Equal(value, text) {
				return -1, 0
			}
			return 0, len(value)
		case start:
			n, ok := cmp.Prefix(value, text)
			if !ok {
				return -1, 0
			}
			return 0, n
		case end:
			at := len(value) - len(text)
			if at < 0 || !cmp.Equal(value[at:], text) {
				return -1, 0
			}
			return at, len(text)
		}
		return cmp.Index(value, text)
	}
	return func(r *engine.Run, value string) bool {
		at, n := find(value)
		if at < 0 {
			return false
		}
		if r.WantsCaptures() {
			r.SetCaptured([]string{value[at : at+n]})
		}
		return true
	}
}

// eregex translates a POSIX extended regular expression, as the GNU library
// reads it, to Go's syntax.
type eregex struct {
	src   string
	at    int
	depth int // of open parentheses

	plain          bool // nothing but text and anchors so far
	atStart, atEnd bool // anchors of a plain expression
	text           strings.Builder
}

var (
	errBadRepeat = errors.New("invalid preceding regular expression")
	errBadBraces = errors.New("invalid content of \\{\\}")
	errBadRange  = errors.New("invalid range end")
	errBracket   = errors.New("unmatched [, [^, [:, [., or [=")
)

func (p *eregex) translate() (string, error) {
	p.plain = true
	return p.alternatives()
}

func (p *eregex) peek() byte {
	if p.at == len(p.src) {
		return 0
	}
	return p.src[p.at]
}

// alternatives reads branches up to the end or the parenthesis that closes the
// group; one that closes nothing is an ordinary character.
func (p *eregex) alternatives() (string, error) {
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
func (p *eregex) piece() (string, error) {
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
func (p *eregex) repeat() (string, error) {
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
func (p *eregex) atom() (string, error) {
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
		p.plain = false
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
	n := 1
	for c >= utf8.RuneSelf && p.at-1+n < len(p.src) && !utf8.RuneStart(p.src[p.at-1+n]) {
		n++
	}
	char := p.src[p.at-1 : p.at-1+n]
	p.at += n - 1
	p.text.WriteString(char)
	return regexp.QuoteMeta(char), nil
}

// escapes are the escapes of the GNU library, and \d and \D, which everybody
// expects to be digits (Pigeonhole since 2.4).
var escapes = map[byte]string{
	'w': `\w`, 'W': `\W`, 's': `\s`, 'S': `\S`, 'd': `\d`, 'D': `\D`,
	'b': `\b`, 'B': `\B`, '<': `\b`, '>': `\b`, '`': `\A`, '\'': `\z`,
}

// escape reads what follows a backslash.
func (p *eregex) escape() (string, error) {
	if p.at == len(p.src) {
		return "", errors.New("trailing backslash")
	}
	c := p.src[p.at]
	p.at++
	if c >= '1' && c <= '9' {
		return "", errors.New("back references are not supported")
	}
	if out, ok := escapes[c]; ok {
		p.plain = false
		return out, nil
	}
	p.text.WriteByte(c)
	return regexp.QuoteMeta(string(c)), nil
}

// bracket reads a bracket expression; a backslash in it is an ordinary character.
func (p *eregex) bracket() (string, error) {
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
func (p *eregex) bracketItem() (out string, char rune, err error) {
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

// quoteRegex protects what has a meaning in an expression (draft section 5).
func quoteRegex(_ *engine.Run, v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if strings.IndexByte(`\.*+?^$|()[]{}`, v[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(v[i])
	}
	return b.String()
}
