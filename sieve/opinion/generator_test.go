package opinion

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// generator writes rules and scripts about one message.
type generator struct {
	random
	caps  map[string]bool // what both engines have
	mail  *mail
	vars  []variable      // set at the beginning of the script
	safe  bool            // leave out what is known to differ and is frequent
	needs map[string]bool // capabilities used
}

// variable has a name and the value that it was set to.
type variable struct{ name, value string }

func newGenerator(r random, caps map[string]bool) *generator {
	g := &generator{random: r, caps: caps, mail: newMail(r), needs: map[string]bool{}}
	if caps["variables"] {
		for _, name := range []string{"va", "vb", "vc"} {
			g.vars = append(g.vars, variable{name, g.piece(g.mail.value(r))})
		}
	}
	return g
}

func (g *generator) need(names ...string) {
	for _, name := range names {
		g.needs[name] = true
	}
}

// require writes the require command for all that was used.
func (g *generator) require() string {
	names := slices.Sorted(maps.Keys(g.needs))
	if len(names) == 0 {
		return ""
	}
	for i, name := range names {
		names[i] = quote(name)
	}
	if len(names) == 1 {
		return "require " + names[0] + ";\n"
	}
	return "require [" + strings.Join(names, ", ") + "];\n"
}

// presets writes the commands that set the variables.
func (g *generator) presets() string {
	var b strings.Builder
	for _, v := range g.vars {
		g.need("variables")
		fmt.Fprintf(&b, "set %s %s;\n", quote(v.name), quote(v.value))
	}
	return b.String()
}

// quote writes a quoted string as it is.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// str writes a string, in one of the ways that the language has.
func (g *generator) str(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if g.needs["variables"] {
		for _, v := range g.vars {
			if v.value != "" && g.one(3) {
				s = strings.Replace(s, v.value, "${"+g.cased(v.name)+"}", 1)
			}
		}
	}
	if g.caps["encoded-character"] && s != "" && g.one(12) {
		s = g.encoded(s)
	}
	q := quote(s)
	if g.one(30) { // a needless backslash (RFC 5228 section 2.4.2)
		q = strings.Replace(q, "a", `\a`, 1)
	}
	return q
}

// encoded writes a character as encoded-character has it.
func (g *generator) encoded(s string) string {
	g.need("encoded-character")
	at := g.IntN(len(s))
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	c, n := utf8.DecodeRuneInString(s[at:])
	code := fmt.Sprintf(pick(g.random, "${unicode:%x}", "${unicode:00%X}"), c)
	switch {
	case !g.clean && g.one(4):
		code = fmt.Sprintf(pick(g.random, "${Unicode: %x }", "${unicode:%x 41}"), c)
	case g.one(2):
		code = fmt.Sprintf("${hex:% x}", s[at:at+n])
	}
	if !g.clean && g.one(8) {
		code = pick(g.random, "${hex:}", "${hex:4}", "${unicode:110000}", "${hex:41", "${hex: 41 42}", "${hex:zz}", "${ hex:41}", "${unicode:D7FF}")
	}
	return s[:at] + code + s[at+n:]
}

// cased changes the case of some letters.
func (g *generator) cased(s string) string {
	switch g.IntN(5) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return strings.ToLower(s)
	}
	return s
}

// list writes a string list with all the values.
func (g *generator) list(values []string) string {
	for i, v := range values {
		values[i] = g.str(v)
	}
	if len(values) == 1 && !g.one(4) {
		return values[0]
	}
	return "[" + strings.Join(values, pick(g.random, ", ", ",", " , ", ",\n  ", ", # so\n  ", "/* and */,")) + "]"
}

// piece gives a part of a value, cut at characters.
func (g *generator) piece(s string) string {
	chars := []rune(strings.ToValidUTF8(s, "?"))
	if len(chars) == 0 {
		return ""
	}
	from := g.IntN(len(chars))
	return string(chars[from : from+g.IntN(len(chars)-from+1)])
}

// near gives a text that equals a value, or nearly.
func (g *generator) near(value string) string {
	switch g.IntN(10) {
	case 0, 1, 2, 3:
		return value
	case 4, 5:
		return g.cased(value)
	case 6:
		return g.piece(value)
	case 7:
		return value + pick(g.random, " ", "x", ".")
	case 8:
		return pick(g.random, words...)
	}
	return ""
}

// pattern makes a key for :matches of a value.
func (g *generator) pattern(value string) string {
	if g.safe && g.one(8) {
		return pick(g.random, "*", "", "**", "*a*", "*@*", "a*", "*b", "*a*b*")
	}
	if g.one(8) {
		return pick(g.random, "*", "", "**", "*a*", "*@*", "a*", "*b", "*\\", "\\*", "*?", "*a*b*", "?")
	}
	var b strings.Builder
	for chars := []rune(value); len(chars) > 0; {
		switch g.IntN(9) {
		case 0:
			b.WriteByte('*')
			chars = chars[g.IntN(len(chars)+1):]
			continue
		case 1:
			if g.safe {
				continue
			}
			b.WriteByte('?')
		case 2:
			b.WriteString("\\" + string(chars[0]))
		default:
			if strings.ContainsRune("*?\\", chars[0]) && !g.one(4) {
				b.WriteByte('\\')
			}
			b.WriteRune(chars[0])
		}
		chars = chars[1:]
	}
	return g.cased(b.String())
}

// expression makes a regular expression for a value.
func (g *generator) expression(value string) string {
	if g.one(8) {
		return pick(g.random, ".*", "^$", "(a|b)+", "^(.*)@(.*)$", "[[:digit:]]+", "([^ ]*) (.*)", "a{1,2}b", "(a*)(ab)*", "[]a]", "x|y|z", "(.)(.)?", "[a-c]+$", "", "a|", "()", "\\.")
	}
	var b strings.Builder
	if g.one(3) {
		b.WriteByte('^')
	}
	depth := 0
	for chars := []rune(value); len(chars) > 0; chars = chars[1:] {
		switch g.IntN(12) {
		case 0:
			b.WriteString(pick(g.random, ".", ".?", ".+", ".*"))
		case 1:
			b.WriteByte('(')
			depth++
			g.literal(&b, chars[0])
		case 2:
			g.literal(&b, chars[0])
			if depth > 0 {
				b.WriteString(")" + pick(g.random, "", "", "?", "*", "+"))
				depth--
			}
		case 3:
			if chars[0] < 0x80 && chars[0] != ']' && chars[0] != '^' && chars[0] != '[' {
				b.WriteString("[" + string(chars[0]) + "x]")
			} else {
				b.WriteByte('.')
			}
		case 4:
			b.WriteString("[[:" + pick(g.random, "alpha", "alnum", "digit", "space", "punct", "upper", "lower") + ":]]")
		default:
			g.literal(&b, chars[0])
		}
	}
	b.WriteString(strings.Repeat(")", depth))
	if g.one(3) {
		b.WriteByte('$')
	}
	return b.String()
}

// literal writes a character of a regular expression that stands for itself.
func (g *generator) literal(b *strings.Builder, c rune) {
	if strings.ContainsRune(`.[]*+?(){}|^$\`, c) {
		b.WriteByte('\\')
	}
	b.WriteRune(c)
}
