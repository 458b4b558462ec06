package message

import (
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
)

// Bounds of a message's structure, as Dovecot has them. Beyond them the rest of
// a part is read as plain content, and Structure.Limit says so.
const (
	MaxParts   = 10000 // parts of a message
	MaxNesting = 100   // parts in parts
)

// ErrStructure says that a message is not taken apart as far as it could be.
var ErrStructure = errors.New("the MIME structure exceeds the limits")

// Structure is the MIME structure of a message (RFC 2045, RFC 2046), with the
// headers of all parts; the contents are where they were and are read when asked for.
type Structure struct {
	Root *Part
	// Limit tells why the structure is not whole: ErrStructure with the limit that
	// was passed, or what reading the body failed with. nil when it is whole.
	Limit error
}

// Part is a part of a message: the message itself (Root), a part of a multipart,
// or the message that a message/rfc822 part holds. It is immutable.
type Part struct {
	Parent   *Part   // nil for Root
	Children []*Part // of a multipart, or the one message of message/rfc822

	index  int // among the Children of Parent
	fields []Field
	head   string // the header without its empty line
	media  MediaType
	body   *body
	// Offsets from the begin of the message's body: of the header and the content,
	// and their end. Root's header is not in the body.
	start, from, end int64
	hasBody          bool
	// Of a multipart: the end of what precedes its first part, and where what
	// follows the last one begins (-1: there is none).
	prologue, epilogue int64
}

// taken are the structures of a body, by the header fields that decide them:
// messages that differ in others only share one.
type taken struct {
	mu sync.Mutex
	by map[string]*Structure
}

// Structure gives the MIME structure. It is worked out once, in one pass over the
// body. What is broken is read as far as possible: a part without an end reaches
// to the end of what it is in, a multipart without a boundary has no parts.
func (m *Message) Structure() *Structure {
	m.once.Do(func() { m.structure = m.body.take(m) })
	return m.structure
}

// take gives the structure of a message with this body.
func (b *body) take(m *Message) *Structure {
	var key strings.Builder
	for _, f := range m.fields {
		if len(f.Name) > 8 && strings.EqualFold(f.Name[:8], "Content-") {
			key.WriteString(f.raw)
		}
	}
	if endsHeader(m.head) {
		key.WriteByte('\n')
	}
	t := &b.taken
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.by[key.String()]
	if s == nil {
		if t.by == nil {
			t.by = map[string]*Structure{}
		}
		s = takeApart(m)
		t.by[key.String()] = s
	}
	return s
}

// All gives the part and all that are in it, depth first.
func (p *Part) All() iter.Seq[*Part] {
	return func(yield func(*Part) bool) { p.walk(yield) }
}

func (p *Part) walk(yield func(*Part) bool) bool {
	if !yield(p) {
		return false
	}
	for _, c := range p.Children {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Fields gives the header fields in order. The slice must not be changed. Of Root
// only those that describe the content are sure to be the message's own, whose
// Fields has them all.
func (p *Part) Fields() []Field { return p.fields }

// Header gives the fields called name (in any case), first to last.
func (p *Part) Header(name string) iter.Seq[Field] { return fieldsNamed(p.fields, name) }

// HeaderText gives the header as it stands, without the empty line that ends it.
func (p *Part) HeaderText() string { return p.head }

// Media gives the content type. A part without one is text/plain, or in a
// multipart/digest message/rfc822 (RFC 2046 section 5.1.5).
func (p *Part) Media() MediaType { return p.media }

// IsMultipart tells whether the part is of type multipart.
func (p *Part) IsMultipart() bool { return strings.HasPrefix(p.media.Type, "multipart/") }

// IsText tells whether the part holds text that people read: text/* and XHTML.
func (p *Part) IsText() bool {
	return strings.HasPrefix(p.media.Type, "text/") || p.media.Type == xhtml
}

// HasBody tells whether an empty line ends the header; what follows it may be empty.
func (p *Part) HasBody() bool { return p.hasBody }

// Size gives the bytes of the content as it stands in the message.
func (p *Part) Size() int64 { return p.end - p.from }

// OpenRaw reads the content as it stands in the message, nothing decoded.
func (p *Part) OpenRaw() io.Reader { return p.section(p.from, p.end) }

// OpenPrologue reads what a multipart has before its first part.
func (p *Part) OpenPrologue() io.Reader { return p.section(p.from, p.prologue) }

// OpenEpilogue reads what a multipart has behind its last part; false when its
// last boundary is missing, so that there is nothing behind.
func (p *Part) OpenEpilogue() (io.Reader, bool) {
	if p.epilogue < 0 {
		return nil, false
	}
	return p.section(p.epilogue, p.end), true
}

func (p *Part) section(from, to int64) io.Reader {
	return io.NewSectionReader(p.body.r, p.body.off+from, max(to-from, 0))
}
