package message

import (
	"errors"
	"io"
	"strings"
	"testing"
)

const twoParts = "Content-Type: multipart/mixed; boundary=AA\n\npre\n--AA\n\none\n--AA\nContent-Type: message/rfc822\n\nX: y\n\ninner\n--AA--\nepi\n"

func TestReplacePart(t *testing.T) {
	m := Parse([]byte(twoParts))
	root := m.Structure().Root
	edited, err := m.ReplacePart(root.Children[0], "Content-Type: text/html\r\n\r\n<p>new</p>\r\n")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(twoParts, "--AA\n\none\n", "--AA\nContent-Type: text/html\n\n<p>new</p>\n\n", 1)
	if got := readAll(t, edited.Open()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// Again, over what was replaced already.
	again, err := edited.ReplacePart(edited.Structure().Root.Children[1].Children[0], "\n2")
	if err != nil {
		t.Fatal(err)
	}
	want = strings.Replace(want, "X: y\n\ninner", "\n2", 1)
	if got := readAll(t, again.Open()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if again.Size() != int64(len(want)) || again.VirtualSize() != int64(len(want)+strings.Count(want, "\n")) {
		t.Errorf("sizes %d, %d", again.Size(), again.VirtualSize())
	}
	if got := readAll(t, m.Open()); got != twoParts {
		t.Errorf("the original is %q", got)
	}
	if again.Identity() == m.Identity() {
		t.Error("an edited message is taken for the original")
	}
	for i, p := range []*Part{root, root.Children[0], root.Children[1], root.Children[1].Children[0]} {
		found := again.Find(p)
		if found == nil || found.index != p.index || (found.Parent == nil) != (p.Parent == nil) {
			t.Errorf("part %d is not found", i)
		}
	}
	if edited.Find(again.Structure().Root) != nil || Parse([]byte(twoParts)).Find(root) != nil {
		t.Error("a part of another message was found")
	}
	flat, err := m.ReplacePart(root.Children[1], "\nflat")
	if err != nil || flat.Find(root.Children[1].Children[0]) != nil {
		t.Errorf("a part of a replaced part was found, %v", err)
	}
	if _, err := edited.ReplacePart(root.Children[0], "x"); err == nil {
		t.Error("a part of another message was replaced")
	}
	if _, err := m.ReplacePart(root, "x"); err == nil {
		t.Error("the root was replaced")
	}
	if root.Children[0].Sibling() != root.Children[1] || root.Children[1].Sibling() != nil || root.Sibling() != nil {
		t.Error("wrong siblings")
	}
}

func TestReplacePartUnreadable(t *testing.T) {
	b := &body{r: failingBody{}, size: 10}
	root := &Part{body: b}
	m := newMessage("\n", b)
	if _, err := m.ReplacePart(&Part{Parent: root, body: b, end: 5}, "x"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func TestWithBody(t *testing.T) {
	m := Parse([]byte("A: 1\nB: 2\n\nold"))
	n := m.WithBody(m.Fields()[1:], "new\r\nlines\n")
	if got := readAll(t, n.Open()); got != "B: 2\n\nnew\nlines\n" || n.VirtualSize() != int64(len(got)+4) {
		t.Errorf("%q, %d", got, n.VirtualSize())
	}
}

func TestSegmentsReadAt(t *testing.T) {
	list := segments{{strings.NewReader("xabcx"), 1, 3}, {strings.NewReader("def"), 0, 3}}
	for off := range int64(8) {
		for size := range 8 {
			buf := make([]byte, size)
			n, err := list.ReadAt(buf, off)
			want := "abcdef"[min(off, 6):min(off+int64(size), 6)]
			if string(buf[:n]) != want || (err == io.EOF) != (len(want) < size || size == 0 && off >= 6) {
				t.Errorf("at %d, %d bytes: %q, %v", off, size, buf[:n], err)
			}
		}
	}
	if _, err := (segments{{strings.NewReader("a"), 0, 3}}).ReadAt(make([]byte, 3), 0); err == nil {
		t.Error("a segment shorter than it is said to be")
	}
}
