package message

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	rfc822 = "message/rfc822"
	xhtml  = "application/xhtml+xml"
)

// MediaType is the value of a Content-Type or Content-Disposition field.
type MediaType struct {
	// Type is in lower case: "text/plain", or "inline" of a disposition. It is
	// empty where the value does not begin with anything like it.
	Type   string
	params []param
}

type param struct{ name, value string }

// Param gives a parameter by its name in any case, in UTF-8, and whether there is one.
func (t MediaType) Param(name string) (string, bool) {
	for _, p := range t.params {
		if strings.EqualFold(p.name, name) {
			return p.value, true
		}
	}
	return "", false
}

// Parts gives the type and the subtype; the latter is empty for a disposition.
func (t MediaType) Parts() (typ, subtype string) {
	typ, subtype, _ = strings.Cut(t.Type, "/")
	return typ, subtype
}

// ParseMediaType reads a value (RFC 2045 section 5.1, RFC 2183), its parameters
// also in pieces and encoded (RFC 2231). It is more lenient than these: a value
// without quotes reaches to the next semicolon, whatever is in it, because mail
// programs write boundaries and file names so.
func ParseMediaType(value string) MediaType {
	typ, rest := cutSemicolon(value)
	var t MediaType
	if typ = strings.ToLower(strings.TrimSpace(WithoutComments(typ))); validType(typ) {
		t.Type = typ
	}
	var raw []param
	for rest != "" {
		var p string
		p, rest = cutSemicolon(rest)
		name, v, ok := strings.Cut(p, "=")
		if name = strings.ToLower(strings.TrimSpace(WithoutComments(name))); ok && name != "" {
			raw = append(raw, param{name, paramValue(v)})
		}
	}
	t.params = joinParams(raw)
	return t
}

// validType tells whether s is a type with at most one subtype, made of tokens.
func validType(s string) bool {
	typ, subtype, slash := strings.Cut(s, "/")
	return isToken(typ) && (!slash || isToken(subtype))
}

// isToken tells whether s is a token of RFC 2045 section 5.1.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r)
	})
}

// cutSemicolon cuts s at the first semicolon outside of quotes.
func cutSemicolon(s string) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// WithoutComments takes away what stands in parentheses, which may stand in each other
// (RFC 5322 section 3.2.2). It knows nothing of quotes, in which there are no comments.
func WithoutComments(s string) string {
	if !strings.Contains(s, "(") {
		return s
	}
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == '\\' && depth > 0:
			i++
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// paramValue gives the value of a parameter without its quotes.
func paramValue(v string) string {
	v = strings.TrimSpace(v)
	if !strings.HasPrefix(v, `"`) {
		// A comment has white space before it; else the parenthesis is of the value.
		if i := strings.IndexByte(v, '('); i > 0 && (v[i-1] == ' ' || v[i-1] == '\t') {
			v = strings.TrimSpace(v[:i])
		}
		return v
	}
	var b strings.Builder
	for i := 1; i < len(v) && v[i] != '"'; i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// maxSections bounds the pieces that the value of a parameter may come in.
const maxSections = 1000

// piece is a part of a value that is continued (RFC 2231 section 3).
type piece struct {
	number  int
	value   string
	encoded bool
}

// joinParams puts together what RFC 2231 takes apart: name*0*=…; name*1=…
func joinParams(raw []param) []param {
	var out []param
	pieces := map[string][]piece{}
	for _, p := range raw {
		name, encoded := strings.CutSuffix(p.name, "*")
		base, section, continued := strings.Cut(name, "*")
		number, err := strconv.Atoi(cmp.Or(section, "0"))
		if continued && (err != nil || number < 0 || number >= maxSections) || !continued && !encoded || base == "" {
			out = append(out, p)
			continue
		}
		if pieces[base] == nil {
			out = append(out, param{name: base + "*"}) // its place
		}
		pieces[base] = append(pieces[base], piece{number, p.value, encoded})
	}
	for i := range out {
		if base, ok := strings.CutSuffix(out[i].name, "*"); ok && pieces[base] != nil {
			out[i] = param{base, joinPieces(pieces[base])}
		}
	}
	return out
}

// joinPieces decodes the pieces of a value in their order and joins those that
// follow each other.
func joinPieces(pieces []piece) string {
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.number - b.number })
	var b strings.Builder
	label := ""
	for i, p := range pieces {
		if p.number != pieces[0].number+i {
			break
		}
		if p.encoded {
			if i == 0 { // charset'language'text
				if cs, rest, ok := strings.Cut(p.value, "'"); ok {
					if _, text, ok := strings.Cut(rest, "'"); ok {
						label, p.value = cs, text
					}
				}
			}
			p.value = unescapePercent(p.value)
		}
		b.WriteString(p.value)
	}
	return toUTF8(label, []byte(b.String()))
}

// unescapePercent undoes %XX; what only looks alike stays.
func unescapePercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
