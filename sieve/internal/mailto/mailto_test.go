package mailto

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a@b.example", "to a@b.example"},
		{"a@b.example%2Cc@d.example?cc=e@f.example", "to a@b.example|to c@d.example|cc e@f.example"},
		{"?to=%3d?utf-8?q?G%C3%BC?%3D%20%3Ca@B.example%3E", "invalid character '?' in header field value part"},
		{"?to=%3d%3Futf-8%3Fq%3FG%3DC3%3DBC%3F%3D%20%3Ca@B.example%3E", "to Gü <a@b.example>"},
		{"a@b.example?cc=A@B.example", "to a@b.example|! ignored duplicate recipient 'A@B.example'"},
		{"?cc=a@b.example&to=a@b.example", "to a@b.example|! ignored duplicate recipient 'a@b.example'"},
		{"", "! notification URI specifies no recipients"},
		{"a@b.example?subject=x=y&body=%C3%BC%0A&", "to a@b.example|subject x=y|body ü\n"},
		{"a@b.example?subject=x&Subject=y", "to a@b.example|subject x|! ignored duplicate subject field"},
		{"a@b.example?X-A=1&From=f&reply-to=r&Reply-To=s", "to a@b.example|X-A: 1|reply-to: r|" +
			"! ignored reserved header field 'From'|! ignored duplicate for unique header field 'Reply-To'"},
		{"a@b,c@d", "invalid character ',' in 'to' part"},
		{"a@b.example?subject=%0Ax", "invalid header field body"},
		{"a@b.example?subject=%C3%BC", "invalid header field body"},
		{"a@b.example?a%20b=c", "invalid header field name"},
		{"a@b.example?=c", "invalid header field name"},
		{"a@b.example?x=1&&y=2", "invalid header field name"},
		{"a@b.example?x=%0", "invalid % encoding"},
		{"a@b.example?x=%00", "invalid % encoding"},
		{"a@b.example?x=%g0", "invalid % encoding"},
		{"a%23b.example", "invalid recipient 'a#b.example'"},
		{"a@b.example%2C", "invalid recipient ''"},
	} {
		u, err := Parse(c.in)
		if got := describe(u, err); got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %q, want %q", c.in, got, c.want)
		}
	}
}

func describe(u *URI, err error) string {
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, r := range u.To {
		to, address := "to ", r.Address
		if r.Cc {
			to = "cc "
		}
		if r.Name != "" {
			address = r.Name + " <" + address + ">"
		}
		parts = append(parts, to+address)
	}
	if u.Subject != nil {
		parts = append(parts, "subject "+*u.Subject)
	}
	if u.Body != nil {
		parts = append(parts, "body "+*u.Body)
	}
	for _, f := range u.Fields {
		parts = append(parts, f.Name+": "+f.Value())
	}
	for _, w := range u.Warnings {
		parts = append(parts, "! "+w)
	}
	return strings.Join(parts, "|")
}

// What is beyond the bounds is ignored with a warning.
func TestBounds(t *testing.T) {
	var to, fields strings.Builder
	for i := range 30 {
		to.WriteString(strings.Repeat("x", i+1) + "@example.com%2C")
		fields.WriteString("&X-" + strings.Repeat("y", i+1) + "=1")
	}
	u, err := Parse(to.String() + "last@example.com?X=0" + fields.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(u.To) != MaxRecipients || len(u.Fields) != MaxFields || len(u.Warnings) < 2 {
		t.Errorf("%d recipients, %d fields, warnings %q", len(u.To), len(u.Fields), u.Warnings)
	}
}

// FuzzParse: nothing that is accepted brings a line break into a header.
func FuzzParse(f *testing.F) {
	f.Add("a@b.example?subject=%0d%0aX:%20y&cc=c@d.example")
	f.Add("?to=%22a%0a%22@b.example&X%0a=1")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			return
		}
		for _, r := range u.To {
			if strings.ContainsAny(r.Address, "\r\n\x00") {
				t.Errorf("recipient %q", r.Address)
			}
		}
		if u.Subject != nil && strings.ContainsAny(*u.Subject, "\r\n\x00") {
			t.Errorf("subject %q", *u.Subject)
		}
		for _, f := range u.Fields {
			if strings.ContainsAny(f.Name, ": \r\x00") || strings.Count(f.Raw(), "\n") != 1 {
				t.Errorf("field %q", f.Raw())
			}
		}
	})
}
