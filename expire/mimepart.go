package expire

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"dovetail/expire/query"
	"dovetail/internal/message"
)

// hasPart tells whether a part of the message matches.
func (s *subject) hasPart(t query.PartTest) (bool, error) {
	m, err := s.message()
	if err != nil {
		return false, err
	}
	structure := m.Structure()
	for p := range structure.Root.All() {
		if ok, err := partMatches(p, t); ok || err != nil {
			return ok, err
		}
	}
	return false, structure.Limit // what is beyond it is not known
}

func partMatches(p *message.Part, t query.PartTest) (bool, error) {
	switch t.Key {
	case "AND", "OR":
		for _, part := range t.Parts {
			if ok, err := partMatches(p, part); err != nil || ok == (t.Key == "OR") {
				return ok, err
			}
		}
		return t.Key == "AND", nil
	case "NOT":
		ok, err := partMatches(p, t.Parts[0])
		return !ok, err
	case "PARENT":
		if p.Parent == nil || len(t.Parts) == 0 {
			return p.Parent != nil, nil
		}
		return partMatches(p.Parent, t.Parts[0])
	case "CHILD":
		for _, child := range p.Children {
			if len(t.Parts) == 0 {
				return true, nil
			}
			if ok, err := partMatches(child, t.Parts[0]); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case "SIZE":
		if p.IsMultipart() {
			return compare(0, t), nil
		}
		n, err := contentSize(p)
		return compare(n, t), err
	case "DEPTH", "INDEX":
		return compare(place(p, t.Key), t), nil
	}
	return fieldMatches(p, t), nil
}

// fieldMatches judges by the fields that describe a part. As in IMAP's BODYSTRUCTURE (RFC
// 9051 section 7.5.2), which doveadm looks at, a multipart has fewer of them.
func fieldMatches(p *message.Part, t query.PartTest) bool {
	if p.IsMultipart() && (t.Key == "ENCODING" || t.Key == "ID" || t.Key == "MD5") {
		return false
	}
	kind, subtype, _ := strings.Cut(p.Media().Type, "/")
	disposition := message.ParseMediaType(firstField(p, "Content-Disposition"))
	switch t.Key {
	case "TYPE":
		return strings.EqualFold(kind, t.Value)
	case "SUBTYPE":
		return strings.EqualFold(subtype, t.Value)
	case "ENCODING":
		encoding := firstField(p, "Content-Transfer-Encoding")
		if encoding == "" {
			encoding = "7bit"
		}
		return strings.EqualFold(encoding, t.Value)
	case "DISPOSITION":
		return t.Value != "" && strings.EqualFold(disposition.Type, t.Value)
	case "DISPOSITION PARAM":
		value, ok := disposition.Param(t.Name)
		return ok && strings.Contains(value, t.Value)
	case "PARAM":
		value, ok := p.Media().Param(t.Name)
		return ok && strings.Contains(value, t.Value)
	case "FILENAME":
		value, ok := disposition.Param("filename")
		return ok && nameMatches(strings.ToLower(value), t.Name, strings.ToLower(t.Value))
	case "ID":
		return strings.EqualFold(firstField(p, "Content-ID"), t.Value) && t.Value != ""
	case "MD5":
		return firstField(p, "Content-MD5") == t.Value && t.Value != ""
	case "LOCATION":
		return strings.EqualFold(firstField(p, "Content-Location"), t.Value) && t.Value != ""
	case "LANGUAGE":
		return slices.ContainsFunc(strings.Split(firstField(p, "Content-Language"), ","), func(l string) bool {
			return strings.EqualFold(strings.TrimSpace(l), t.Value) && t.Value != ""
		})
	}
	return false
}

func nameMatches(name, how, text string) bool {
	switch how {
	case "IS":
		return name == text
	case "BEGINS":
		return strings.HasPrefix(name, text)
	case "ENDS":
		return strings.HasSuffix(name, text)
	}
	return strings.Contains(name, text)
}

func firstField(p *message.Part, name string) string {
	for f := range p.Header(name) {
		return strings.TrimSpace(f.Value())
	}
	return ""
}

// place gives how deep a part is, or which one of its parent's.
func place(p *message.Part, key string) (n int64) {
	if key == "DEPTH" {
		for p = p.Parent; p != nil; p = p.Parent {
			n++
		}
		return n
	}
	if p.Parent == nil {
		return 1
	}
	return int64(slices.Index(p.Parent.Children, p) + 1)
}

func compare(n int64, t query.PartTest) bool {
	switch t.Name {
	case "LARGER":
		return n > t.Number
	case "SMALLER":
		return n < t.Number
	case "MIN":
		return n >= t.Number
	case "MAX":
		return n <= t.Number
	}
	return n == t.Number
}

// contentSize gives the bytes of a part's content as it stands, with line ends of two bytes.
func contentSize(p *message.Part) (n int64, err error) {
	r, last := p.OpenRaw(), byte(0)
	buf := make([]byte, 4<<10)
	for {
		got, err := r.Read(buf)
		for i := 0; i < got; i++ {
			next := bytes.IndexByte(buf[i:got], '\n')
			if next < 0 {
				break
			}
			if i += next; i == 0 && last != '\r' || i > 0 && buf[i-1] != '\r' {
				n++
			}
		}
		if n += int64(got); got > 0 {
			last = buf[got-1]
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
