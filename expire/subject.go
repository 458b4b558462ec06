package expire

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"dovetail/expire/query"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/maildir"
)

// subject is a message that a query is asked about. What was read of it is kept.
type subject struct {
	*maildir.Found
	ctx   context.Context
	store *maildir.Store
	last  uint32    // number of messages in the mailbox
	seen  time.Time // by the clock query.FirstSeen

	scratch *scratch
	status  *maildir.Status
	start   []byte // of the file, where that is read
	whole   bool   // start is all of it
	header  []byte // at the start; nil where that has to be read otherwise
	content *message.Message
	file    io.Closer
}

// close frees what is open.
func (s *subject) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

func (s *subject) stat() (maildir.Status, error) {
	if s.status == nil {
		st, err := s.scratch.viewer.Stat(s.Found)
		if err != nil {
			return st, err
		}
		s.status = &st
	}
	return *s.status, nil
}

// at gives the time of one of its clocks.
func (s *subject) at(clock query.Clock) (time.Time, error) {
	switch clock {
	case query.FirstSeen:
		return s.seen, nil
	case query.Sent:
		dates, err := s.fields("Date")
		if err != nil {
			return time.Time{}, err
		}
		at, _ := sentAt(dates)
		return time.Unix(at, 0), nil
	}
	st, err := s.stat()
	if clock == query.Saved {
		return st.Saved, err
	}
	return st.Received, err
}

func (s *subject) message() (*message.Message, error) {
	if s.content != nil {
		return s.content, nil
	}
	if s.read(); s.whole && s.header != nil {
		s.content = message.Parse(s.start)
		return s.content, nil
	}
	e := s.Entry()
	if _, ok := s.Size(); !ok {
		st, err := s.stat()
		if err != nil {
			return nil, err
		}
		e.Size = st.Size
	}
	var err error
	s.content, s.file, err = s.store.Open(s.ctx, e)
	return s.content, err
}

// read reads the start of the file, where that can be done. Who cannot use it opens the
// message, and learns why.
func (s *subject) read() {
	if s.start != nil {
		return
	}
	start, whole, err := s.scratch.viewer.Start(s.Found)
	if err == nil {
		s.start, s.whole = start, whole
		s.header, _ = message.HeaderOf(start)
	}
}

// fields gives the fields of the header that are called name, first to last.
func (s *subject) fields(name string) (iter.Seq[message.Field], error) {
	if s.read(); s.header != nil && name != "" {
		return message.FieldsOf(s.header, name), nil
	}
	m, err := s.message()
	if err != nil {
		return nil, err
	}
	return m.Header(name), nil
}

// vsize gives the size with line ends of two bytes, from the name where that tells it.
func (s *subject) vsize() (int64, error) {
	if n, ok := s.VSize(); ok {
		return n, nil
	}
	m, err := s.message()
	if err != nil {
		return 0, err
	}
	return m.VirtualSize(), nil
}

// hasHeader tells whether a field holds a text, in the form in which it is compared.
func (s *subject) hasHeader(field string, text needle, form func(string) string) (bool, error) {
	fields, err := s.fields(field)
	if err != nil {
		return false, err
	}
	for f := range fields {
		if len(text) == 0 || text.in(message.DecodeWords(form(f.Value())), s.scratch) {
			return true, nil
		}
	}
	return false, nil
}

// hasText tells whether the contents of the text parts, and the headers where wanted,
// hold a text.
func (s *subject) hasText(text needle, headers bool) (bool, error) {
	if len(text) == 0 {
		return true, nil
	}
	m, err := s.message()
	if err != nil {
		return false, err
	}
	if headers && text.in(headerText(m.Fields()), s.scratch) {
		return true, nil
	}
	root := m.Structure().Root
	for p := range root.All() {
		if headers && p != root && text.in(headerText(p.Fields()), s.scratch) {
			return true, nil
		}
		if !hasContent(p) {
			continue
		}
		r, err := open(p)
		if errors.Is(err, message.ErrEncoding) {
			continue // nobody can read it
		}
		found := false
		if err == nil {
			found, err = text.inReader(r, s.scratch)
		}
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// open reads a part's content as UTF-8, without a detour where it is that already.
func open(p *message.Part) (io.Reader, error) {
	for range p.Header("Content-Transfer-Encoding") {
		return p.Open()
	}
	label, _ := p.Media().Param("charset")
	switch strings.ToLower(label) {
	case "", "utf-8", "us-ascii":
		return p.OpenRaw(), nil
	}
	return p.Open()
}

// hasContent tells whether a part holds text itself. Dovecot looks into text/* and message/*.
func hasContent(p *message.Part) bool {
	kind := p.Media().Type
	return len(p.Children) == 0 && (strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "message/"))
}

// headerText gives a header with its encoded words undone, and lines as on the wire.
func headerText(fields []message.Field) string {
	var b strings.Builder
	for _, f := range fields {
		raw := f.Raw()
		if f.Name != "" {
			middle := raw[len(f.Name):]
			middle = middle[:len(middle)-len(strings.TrimLeft(middle, " \t:"))]
			b.WriteString(f.Name)
			b.WriteString(middle)
			b.WriteString(f.Decoded())
		} else {
			b.WriteString(message.DecodeWords(strings.TrimSuffix(raw, "\n")))
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

// oneSpace puts one space for each run of white space, none at both ends.
func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

func asItIs(s string) string { return s }

// gone tells whether an error only says that the message is not there any more.
func gone(err error) bool { return errors.Is(err, mailstore.ErrNoMessage) }

// normalAddresses writes a list of addresses as Dovecot does before it looks into it.
func normalAddresses(value string) string {
	var b strings.Builder
	first, inGroup := true, false
	for _, a := range message.ParseAddresses(value) {
		if a.Group && inGroup {
			b.WriteByte(';')
			inGroup = false
			continue
		}
		if !first {
			b.WriteString(", ")
		}
		first = false
		if a.Group {
			b.WriteString(phrase(a.Name, true) + ": ")
			inGroup, first = true, true
			continue
		}
		if a.Name != "" {
			b.WriteString(phrase(a.Name, true) + " ")
		}
		local, domain := "MISSING_MAILBOX", "MISSING_DOMAIN"
		if a.Local != "" {
			local = phrase(a.Local, false)
		}
		switch {
		case a.Domain != "":
			domain = a.Domain
		case a.Invalid && strings.Contains(value, a.Local+"@"):
			domain = "SYNTAX_ERROR"
		}
		b.WriteString("<" + local + "@" + domain + ">")
	}
	return b.String()
}

// phrase quotes what is no atom (RFC 5322 section 3.2.3). Encoded words stay.
func phrase(s string, quoteDot bool) string {
	if strings.Contains(s, "=?") {
		return s
	}
	if strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		quoteDot = true
	}
	atom := s != ""
	for _, c := range []byte(s) {
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
		if !isLetter && (c != '.' || quoteDot) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
			atom = false
		}
	}
	if atom {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
