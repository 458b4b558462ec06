package message

import (
	"mime"
	"strings"
)

// Field is one header field. Its raw text is kept to the byte.
type Field struct {
	Name string // as written; empty for a line that is no field
	raw  string // name, colon, value and folds, with the final LF
	sep  int    // index of the colon in raw
}

// NewField makes a field of a name and a value in UTF-8. A value that is not
// ASCII is encoded (RFC 2047); long lines are folded where there is white space
// (RFC 5322 section 2.2.3), at 78 columns. Line breaks in value become spaces.
func NewField(name, value string) Field {
	value = strings.TrimSpace(lineBreaks.Replace(value))
	value = mime.QEncoding.Encode("utf-8", value)
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte(':')
	col := len(name) + 1
	for i, word := range strings.Split(value, " ") {
		if i > 0 && word != "" && col+1+len(word) > 78 {
			b.WriteByte('\n')
			col = 0
		}
		b.WriteByte(' ')
		b.WriteString(word)
		col += 1 + len(word)
	}
	b.WriteByte('\n')
	return Field{Name: name, raw: b.String(), sep: len(name)}
}

var lineBreaks = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// RawField makes a field of a name and a value that is written as it is: no
// encoding, no folding. The value must not hold a line break.
func RawField(name, value string) Field {
	return Field{Name: name, raw: name + ": " + value + "\n", sep: len(name)}
}

// Raw gives the field as it stands in the message, with its final LF.
func (f Field) Raw() string { return f.raw }

// Value gives the text after the colon, unfolded (RFC 5322 section 2.2.3) and
// without white space at both ends, not decoded. A tab that begins a folded line
// comes out as a space, as with Dovecot. A Field without a name has none.
func (f Field) Value() string {
	if f.Name == "" {
		return ""
	}
	v := f.raw[f.sep+1:]
	if i := strings.IndexByte(v, '\n'); i >= 0 && i < len(v)-1 {
		v = unfold.Replace(v)
	}
	return strings.Trim(v, " \t\r\n")
}

var unfold = strings.NewReplacer("\r\n\t", " ", "\n\t", " ", "\r\n", "", "\n", "")

// Decoded gives Value with its encoded words (RFC 2047) as UTF-8. What cannot
// be decoded stays as it is.
func (f Field) Decoded() string { return DecodeWords(f.Value()) }

// parseFields cuts a header into its fields, up to the empty line.
func parseFields(head string) []Field {
	fields := make([]Field, 0, strings.Count(head, "\n"))
	for len(head) > 0 && head[0] != '\n' {
		n := fieldLen(head)
		fields = append(fields, parseField(head[:n]))
		head = head[n:]
	}
	return fields
}

// fieldLen gives the length of the first field of head with its folded lines.
func fieldLen(head string) int {
	n := 0
	for {
		i := strings.IndexByte(head[n:], '\n')
		if i < 0 {
			return len(head)
		}
		n += i + 1
		if n == len(head) || head[n] != ' ' && head[n] != '\t' {
			return n
		}
	}
}

// parseField takes apart one field. White space before the colon is allowed
// (RFC 5322 section 4.5, obsolete syntax) and not part of the name.
func parseField(raw string) Field {
	if raw[len(raw)-1] != '\n' {
		raw += "\n"
	}
	i := strings.IndexByte(raw, ':')
	name := ""
	if i > 0 {
		name = strings.TrimRight(raw[:i], " \t")
	}
	if name == "" || strings.ContainsAny(name, " \t\n") {
		return Field{raw: raw}
	}
	return Field{Name: name, raw: raw, sep: i}
}
