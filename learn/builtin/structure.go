package builtin

import (
	"bytes"
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"dovetail/internal/message"
)

// structure takes what the parts of a message are, and their texts.
func (c *collector) structure(m *message.Message) {
	s := m.Structure()
	switch {
	case errors.Is(s.Limit, message.ErrStructure):
		c.add("mime:", "limit")
	case s.Limit != nil:
		c.err = s.Limit
		return
	}
	n := 0
	for p := range s.Root.All() {
		if n++; n > maxParts {
			break
		}
		c.part(p)
	}
	c.add("parts:", strconv.Itoa(bucket(int64(n))))
	c.add("size:", strconv.Itoa(bucket(m.Size())))
}

// bucket gives the binary magnitude of n.
func bucket(n int64) int {
	b := 0
	for ; n > 0; n >>= 1 {
		b++
	}
	return b
}

// part takes a part: its type and what else describes it, and its text.
func (c *collector) part(p *message.Part) {
	media := p.Media()
	c.add("type:", media.Type)
	if charset, ok := media.Param("charset"); ok {
		c.add("charset:", strings.ToLower(charset))
	}
	for f := range p.Header("Content-Transfer-Encoding") {
		c.add("encoding:", media.Type+" "+strings.ToLower(f.Value()))
	}
	name, _ := media.Param("name")
	for f := range p.Header("Content-Disposition") {
		d := message.ParseMediaType(f.Value())
		c.add("disposition:", d.Type)
		if filename, ok := d.Param("filename"); ok {
			name = filename
		}
	}
	c.fileName(name)
	if !p.IsText() || p.IsMultipart() || len(p.Children) > 0 || c.text <= 0 {
		return
	}
	var err error
	if c.content, err = p.Append(c.content[:0], c.text); errors.Is(err, message.ErrEncoding) {
		c.add("mime:", "unreadable")
		return
	}
	if c.text -= len(c.content); err != nil {
		c.err = err
	}
	if strings.Contains(media.Type, "html") {
		c.html(c.content)
	} else {
		c.words("", string(c.content))
	}
}

// fileName takes the name of an attachment.
func (c *collector) fileName(name string) {
	if name = message.DecodeWords(bounded(name)); name == "" {
		return
	}
	ext := path.Ext(name)
	c.add("extension:", strings.ToLower(ext))
	c.words("file:", strings.TrimSuffix(name, ext))
}

// html takes the words of HTML, as those of plain text, and apart from them its
// tags and where links and pictures come from. A tag ends a word as a space does,
// unless it is one inside a line of text, with which spam cuts words.
func (c *collector) html(content []byte) {
	z := html.NewTokenizer(bytes.NewReader(content))
	text := c.plain[:0]
	skipped := false // the content of style and script is no text
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken: // the end
			c.plain = text
			c.words("", string(text))
			return
		case html.TextToken:
			if !skipped {
				text = append(text, z.Text()...)
			}
		case html.CommentToken:
			c.add("html:", "comment")
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			name, attrs := z.TagName()
			tag := atom.String(name)
			if !inline[tag] {
				text = append(text, ' ')
			}
			if kind == html.EndTagToken {
				skipped = false
				continue
			}
			c.add("tag:", tag)
			if attrs {
				c.attributes(z, tag)
			}
			if kind == html.StartTagToken && (tag == "style" || tag == "script") {
				skipped = true
			}
		}
	}
}

// inline are the tags that may stand inside a word.
var inline = map[string]bool{
	"a": true, "b": true, "i": true, "u": true, "em": true, "strong": true, "span": true, "font": true,
	"sub": true, "sup": true, "small": true, "big": true, "wbr": true, "tt": true, "code": true,
}

// attributes takes the attributes of a tag that tell something.
func (c *collector) attributes(z *html.Tokenizer, tag string) {
	for more := true; more; {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch k := atom.String(key); k {
		case "href", "src", "action", "background":
			c.add("attr:", tag+" "+k)
			c.link(bounded(string(value)))
		case "style":
			c.style(bounded(string(value)))
		case "color", "bgcolor", "face", "size", "width", "height", "align":
			c.add("attr:", k+"="+strings.ToLower(bounded(string(value))))
		}
	}
}

// style takes the properties that hide text or colour it.
func (c *collector) style(css string) {
	for property := range strings.SplitSeq(strings.ToLower(css), ";") {
		name, value, ok := strings.Cut(property, ":")
		switch name = strings.TrimSpace(name); {
		case !ok:
		case name == "display", name == "visibility", name == "font-size", name == "color", name == "background-color", name == "opacity":
			c.add("css:", name+"="+strings.TrimSpace(value))
		}
	}
}
