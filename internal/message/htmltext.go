package message

import (
	"io"
	"strings"

	"golang.org/x/net/html"
)

// Text reads the content of a text part as people see it: of HTML the text
// without markup, scripts, styles and comments, where a tag separates words as a
// space does. It gives at most max bytes and tells whether that was all.
func (p *Part) Text(limit int) (text string, whole bool, err error) {
	r, err := p.Open()
	if err != nil {
		return "", true, err
	}
	if p.media.Type == "text/html" || p.media.Type == xhtml {
		return htmlText(r, limit)
	}
	return ReadSized(r, limit, p.Size())
}

// htmlText gives the text of an HTML document.
func htmlText(r io.Reader, limit int) (text string, whole bool, err error) {
	z := html.NewTokenizer(io.LimitReader(r, int64(limit)))
	z.AllowCDATA(true)
	var b strings.Builder
	hidden := false // in a script or style
	space := false  // a tag was passed
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); err != io.EOF {
				return b.String(), false, err
			}
			// One byte more tells whether the limit cut it.
			n, _ := io.ReadFull(r, make([]byte, 1))
			return b.String(), n == 0, nil
		case html.TextToken:
			if hidden {
				continue
			}
			t := z.Text()
			if space && b.Len() > 0 && len(t) > 0 && !isSpace(t[0]) && !isSpace(b.String()[b.Len()-1]) {
				b.WriteByte(' ')
			}
			space = false
			b.Write(t)
		case html.StartTagToken:
			name, _ := z.TagName()
			hidden = string(name) == "script" || string(name) == "style"
			space = space || !hidden
		case html.EndTagToken:
			space = space || !hidden
			hidden = false
		case html.SelfClosingTagToken:
			space = true
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
