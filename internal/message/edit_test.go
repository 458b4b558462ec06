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
	edited, err := m.ReplacePart(root.Children[0], Parse([]byte("Content-Type: text/html\r\n\r\n<p>new</p>\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(twoParts, "--AA\n\none\n", "--AA\nContent-Type: text/html\n\n<p>new</p>\n\n", 1)
	if got := readAll(t, edited.Open()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// Again, over what was replaced already.
	again, err := edited.ReplacePart(edited.Structure().Root.Children[1].Children[0], Parse([]byte("\n2")))
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
	if Parse([]byte(twoParts)).Find(root) != nil {
		t.Error("a part of another message was found")
	}
	flat, err := m.ReplacePart(root.Children[1], Parse([]byte("\nflat")))
	if err != nil || flat.Find(root.Children[1].Children[0]) != nil {
		t.Errorf("a part of a replaced part was found, %v", err)
	}
	if _, err := edited.ReplacePart(root.Children[0], m); err == nil {
		t.Error("a part of another message was replaced")
	}
	if _, err := m.ReplacePart(root, m); err == nil {
		t.Error("the root was replaced")
	}
	if root.Children[0].Sibling() != root.Children[1] || root.Children[1].Sibling() != nil || root.Sibling() != nil {
		t.Error("wrong siblings")
	}
}

// A structure is shared by messages that differ in fields that do not matter to it.
func TestStructureShared(t *testing.T) {
	m := Parse([]byte(twoParts))
	if s := m.Prepend(RawField("X", "y")).Structure(); s != m.Structure() {
		t.Error("taken apart twice")
	}
	if s := m.WithFields([]Field{RawField("Content-Type", "text/plain")}).Structure(); len(s.Root.Children) != 0 {
		t.Error("another type, and the same parts")
	}
}

func TestReplacePartUnreadable(t *testing.T) {
	b := &body{r: failingBody{}, size: 10}
	root := &Part{body: b}
	m := newMessage("\n", b)
	if _, err := m.ReplacePart(&Part{Parent: root, body: b, end: 5}, m); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func TestTextEntity(t *testing.T) {
	for _, tt := range []struct{ text, encoding string }{
		{"", "7bit"},
		{"two\nlines\n", "7bit"},
		{"Grüße\n", "quoted-printable"},
		{strings.Repeat("long ", 500), "quoted-printable"},
		{"a\x00b", "quoted-printable"},
	} {
		m := TextEntity(strings.ReplaceAll(tt.text, "\n", "\r\n"))
		if got, _ := m.Get("Content-Transfer-Encoding"); got != tt.encoding {
			t.Errorf("%.20q is %s", tt.text, got)
		}
		r, err := m.Structure().Root.Open()
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, r); got != tt.text {
			t.Errorf("%.20q became %.20q", tt.text, got)
		}
		if raw := readAll(t, m.Open()); !isPlain(raw) {
			t.Errorf("%.20q is not fit to be sent", tt.text)
		}
	}
}

func TestEnclose(t *testing.T) {
	for _, raw := range []string{twoParts, "Subject: no body\n\n", "A: b\n\nbody without an end"} {
		m := Parse([]byte(raw))
		for range 3 {
			n, err := m.Enclose([]Field{RawField("Subject", "new")}, TextEntity("see\nbelow"))
			if err != nil {
				t.Fatal(err)
			}
			whole := readAll(t, n.Open())
			if n.Size() != int64(len(whole)) || n.VirtualSize() != int64(len(whole)+strings.Count(whole, "\n")) {
				t.Errorf("sizes %d, %d of %d bytes, %d lines", n.Size(), n.VirtualSize(), len(whole), strings.Count(whole, "\n"))
			}
			root := n.Structure().Root
			if len(root.Children) != 2 || root.Children[1].Media().Type != rfc822 || root.Fields()[0].Value() != "new" {
				t.Fatalf("structure %s", outline(root))
			}
			if got := readAll(t, root.Children[1].OpenRaw()); got != readAll(t, m.Open()) {
				t.Errorf("enclosed %q", got)
			}
			if got := readAll(t, root.Children[0].OpenRaw()); got != "see\nbelow" {
				t.Errorf("text %q", got)
			}
			m = n
		}
	}
	m := newMessage("\n", &body{r: failingBody{}, size: 10})
	if _, err := m.Enclose(nil, TextEntity("")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

// A message that holds the boundary that it would be enclosed with.
func TestEncloseBoundary(t *testing.T) {
	m := Parse([]byte("A: b\n\nx\n"))
	b, err := m.boundary()
	if err != nil {
		t.Fatal(err)
	}
	other, err := Parse([]byte("A: b\n\n--" + b + "--\n")).boundary()
	if err != nil || other == b {
		t.Errorf("%s again, %v", other, err)
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
