// Package message is a mail message as dovetail handles it: the header parsed
// once into fields, the body left where it is (in memory or in a spool file)
// and read only when somebody asks.
//
// A *Message is immutable and safe for concurrent use. Editing the header gives
// a new Message that shares the body. All bytes have LF line ends, as Dovecot
// stores them; VirtualSize counts them as CRLF.
//
// The parser refuses nothing, since mail that was accepted must be delivered: a
// header line without a colon becomes a Field without a name, so that writing
// the message gives back every byte that came in.
package message

import (
	"bytes"
	"io"
	"iter"
	"strings"
	"sync"
)

// MaxHeader bounds the bytes parsed as header fields. What is beyond counts as
// body, so that a header without an end cannot fill the memory.
const MaxHeader = 4 << 20

// MaxHeaderLines bounds the lines of that, since each may be a field, which takes
// more memory than its text.
const MaxHeaderLines = 100_000

// body is the part after the header; messages that differ in header only share
// one, so its address tells whether two messages have the same content.
type body struct {
	r     io.ReaderAt
	off   int64 // where the body begins in r
	size  int64
	lines int64 // line ends of the body, see lineEnds

	origin *body // of which it was made by replacing parts, the first one
	taken  taken
}

// Message is an immutable message. The zero value is not usable: see Parse and
// Spool.Message.
type Message struct {
	fields []Field
	head   string // the header as one text, the empty line included
	body   *body
	inner  *Message // that Enclose put into this one

	once      sync.Once
	structure *Structure
}

// Parse makes a message of raw, which may have LF or CRLF line ends, and keeps
// no reference to it.
func Parse(raw []byte) *Message {
	var lf []byte
	if crlf := []byte("\r\n"); bytes.Contains(raw, crlf) {
		lf = bytes.ReplaceAll(raw, crlf, []byte{'\n'})
	} else {
		lf = bytes.Clone(raw)
	}
	n := headerLen(lf)
	return newMessage(string(lf[:n]), &body{
		r: bytes.NewReader(lf), off: int64(n),
		size: int64(len(lf) - n), lines: lineEnds(lf[n:]),
	})
}

func newMessage(head string, b *body) *Message {
	return &Message{fields: parseFields(head), head: head, body: b}
}

// headerLen gives the length of the header of lf with its empty line.
func headerLen(lf []byte) int {
	if len(lf) > MaxHeader {
		lf = lf[:bytes.LastIndexByte(lf[:MaxHeader], '\n')+1]
	}
	if len(lf) > 0 && lf[0] == '\n' {
		return 1
	}
	n := len(lf)
	if i := bytes.Index(lf, []byte("\n\n")); i >= 0 {
		n = i + 2
	}
	if n > MaxHeaderLines && bytes.Count(lf[:n], []byte{'\n'}) > MaxHeaderLines {
		n = endOfLine(lf, MaxHeaderLines)
	}
	return n
}

// endOfLine gives where the n-th line of lf ends; there are that many.
func endOfLine(lf []byte, n int) int {
	at := 0
	for range n {
		at += bytes.IndexByte(lf[at:], '\n') + 1
	}
	return at
}

// Fields gives the header fields in order. The slice must not be changed.
func (m *Message) Fields() []Field { return m.fields }

// HeaderCut tells whether the header goes on beyond MaxHeader or MaxHeaderLines,
// where the rest of it counts as body.
func (m *Message) HeaderCut() bool { return m.body.size > 0 && !endsHeader(m.head) }

// endsHeader tells whether a header has the empty line that ends it.
func endsHeader(head string) bool { return head == "\n" || strings.HasSuffix(head, "\n\n") }

// Header gives the fields called name (in any case), first to last.
func (m *Message) Header(name string) iter.Seq[Field] { return fieldsNamed(m.fields, name) }

func fieldsNamed(fields []Field, name string) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for _, f := range fields {
			if strings.EqualFold(f.Name, name) && !yield(f) {
				return
			}
		}
	}
}

// Get gives the unfolded value of the first field called name, and whether there is one.
func (m *Message) Get(name string) (string, bool) {
	for f := range m.Header(name) {
		return f.Value(), true
	}
	return "", false
}

// Size is the message's size in bytes as stored, with LF line ends (Dovecot's physical size, S=).
func (m *Message) Size() int64 { return int64(len(m.head)) + m.body.size }

// BodySize is the size in bytes of what follows the header.
func (m *Message) BodySize() int64 { return m.body.size }

// VirtualSize is the size in bytes with every line end as CRLF (Dovecot's virtual size, W=; RFC 822 size of IMAP).
func (m *Message) VirtualSize() int64 {
	return m.Size() + int64(strings.Count(m.head, "\n")-strings.Count(m.head, "\r\n")) + m.body.lines
}

// lineEnds counts the LFs that CRLF would make longer. One behind a CR is not
// among them: what came in as CR CR LF is stored as CR LF, and read as a line end.
func lineEnds(b []byte) int64 {
	return int64(bytes.Count(b, []byte{'\n'}) - bytes.Count(b, []byte("\r\n")))
}

// Open reads the whole message from its start, independently of other readers.
func (m *Message) Open() io.Reader {
	return io.MultiReader(strings.NewReader(m.head), m.OpenBody())
}

// OpenBody reads the body from its start: all after the header's empty line.
func (m *Message) OpenBody() io.Reader {
	return io.NewSectionReader(m.body.r, m.body.off, m.body.size)
}

// WithFields gives the message with its header replaced by fields; the body is
// shared. A message that ends with its header, without an empty line, stays so.
func (m *Message) WithFields(fields []Field) *Message {
	return m.withFields(fields, endsHeader(m.head))
}

func (m *Message) withFields(fields []Field, emptyLine bool) *Message {
	n := 1
	for _, f := range fields {
		n += len(f.raw)
	}
	var b strings.Builder
	b.Grow(n)
	for _, f := range fields {
		b.WriteString(f.raw)
	}
	if emptyLine {
		b.WriteByte('\n')
	}
	return &Message{fields: fields, head: b.String(), body: m.body, inner: m.inner}
}

// Prepend gives the message with fields put before its header.
func (m *Message) Prepend(fields ...Field) *Message {
	all := make([]Field, 0, len(fields)+len(m.fields))
	return m.WithFields(append(append(all, fields...), m.fields...))
}

// Identity is equal for two messages of one origin when all their bytes are
// equal, so that one file can serve both. It is usable as a map key.
type Identity struct {
	head string
	body *body
}

// Identity tells which messages are the same bytes as this one.
func (m *Message) Identity() Identity { return Identity{m.head, m.body} }
