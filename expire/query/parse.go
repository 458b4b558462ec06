package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"dovetail/internal/spell"
)

// parser reads a query, word by word.
type parser struct {
	words      []string
	at         int // index of the next word
	depth      int
	options    Options
	keys       map[string]keyFunc
	oldestOnly bool
	warnings   []Warning
	// ored is set by an OR that was read in the level of brackets under way.
	ored bool
}

// fail makes the error of the word at index i.
func (p *parser) fail(i int, format string, args ...any) error {
	e := &Error{Index: i, Text: fmt.Sprintf(format, args...)}
	if i < len(p.words) {
		e.Word = p.words[i]
	}
	return e
}

// list reads a level of brackets: all words, or up to the closing bracket. As in
// doveadm an OR turns the whole level into one of ORs, also what stood before it
// with none between.
func (p *parser) list(whole bool) (Node, error) {
	start := p.at
	outer := p.ored
	defer func() { p.ored = outer }()
	var parts []Node
	isOr := false
	for {
		if p.at == len(p.words) {
			if !whole {
				return nil, p.fail(p.at, "expected ) for the ( that is word %d", start)
			}
			break
		}
		if p.words[p.at] == ")" {
			if whole {
				return nil, p.fail(p.at, "there is no ( for it")
			}
			p.at++
			break
		}
		first := p.at
		p.ored = false
		part, err := p.key()
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 && isOr && !p.ored {
			return nil, p.fail(first, "expected OR or ): a level with ORs has nothing else; use brackets where AND and OR are mixed")
		}
		if p.ored && !isOr && len(parts) > 1 {
			p.warnings = append(p.warnings, Warning{Mixed: true, Text: fmt.Sprintf(
				"word %d: AND and OR are mixed without brackets, so all keys before it count as ORs too, as doveadm has it", first+1)})
		}
		isOr = isOr || p.ored
		parts = append(parts, part)
	}
	switch {
	case len(parts) == 0:
		return nil, p.fail(max(p.at-1, 0), "expected a key inside the brackets")
	case isOr:
		return Or{parts}, nil
	}
	return And{parts}, nil
}

// key reads a key with its values.
func (p *parser) key() (Node, error) {
	if p.at == len(p.words) || p.words[p.at] == ")" {
		return nil, p.fail(p.at, "expected a key, such as ALL")
	}
	if p.depth++; p.depth > MaxNesting {
		return nil, p.fail(p.at, "nested more than %d deep", MaxNesting)
	}
	defer func() { p.depth-- }()
	at := p.at
	word := p.words[at]
	p.at++
	if word == "(" {
		return p.list(false)
	}
	name := strings.ToUpper(word)
	k, ok := p.keys[name]
	switch {
	case ok:
		return k(p, at)
	case word[:min(1, len(word))] == "*" || word != "" && word[0] >= '0' && word[0] <= '9':
		set, err := parseSet(word)
		if err != nil {
			return nil, p.fail(at, "not a set of messages: %v", err)
		}
		return Sequence{set}, nil
	case unsupported[name] != "":
		return nil, p.fail(at, "not supported: %s", unsupported[name])
	}
	meant := ""
	if like := spell.Nearest(name, slices.Sorted(maps.Keys(p.keys))); like != "" {
		meant = "; did you mean " + like + "?"
	}
	return nil, p.fail(at, "expected a key, such as ALL or SEEN%s", meant)
}

// value reads the value of the key at index key.
func (p *parser) value(key int, what string) (string, error) {
	if p.at == len(p.words) {
		return "", p.fail(p.at, "%s needs %s", strings.ToUpper(p.words[key]), what)
	}
	v := p.words[p.at]
	if !utf8.ValidString(v) {
		return "", p.fail(p.at, "not UTF-8")
	}
	p.at++
	return v, nil
}

// unsupported are keys of Dovecot that cannot be had here, and why.
var unsupported = map[string]string{
	"MODSEQ": "modification sequences are in Dovecot's index files only; an IMAP server can be asked for them (--imap)",
	"$":      "there is no search before this one",
}

// keyFunc reads what follows a key; at is the key's index.
type keyFunc func(p *parser, at int) (Node, error)
