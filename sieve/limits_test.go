package sieve

import (
	"fmt"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/action"
)

// A message made to cost too much is looked at up to the limits: the log says so,
// and the script goes on.
func TestMessagesBeyondLimits(t *testing.T) {
	const script = `require ["body", "mime", "foreverypart", "extracttext", "variables", "fileinto"];
		if header :mime :anychild :contains "X" "nothing" { discard; }
		if body :text :contains "nothing" { discard; }
		if body :content "" :contains "nothing" { discard; }
		if body :raw :contains "nothing" { discard; }
		foreverypart { extracttext "a"; if header :mime :contains "X" "nothing" { discard; } }
		fileinto "through";`
	var nested strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\n", i, i)
	}
	tests := []struct{ name, msg, log string }{
		{"100,000 nested parts", nested.String() + "\nend\n", "nested more than 100 deep"},
		{"100,000 nested messages", strings.Repeat("Content-Type: message/rfc822\n\n", 100000), "nested more than 100 deep"},
		{"100,000 parts", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nX: y\n\nx\n", 100000), "more than 10000 parts"},
		{"a header of 50 MiB in a part", "Content-Type: message/rfc822\n\nX: " + strings.Repeat("y", 50<<20) + "\n\nz", "bytes in the headers of its parts"},
		{"a header of 50 MiB", strings.Repeat("X: "+strings.Repeat("y", 1020)+"\n", 50<<10) + "\nz", "only the first 4194304 bytes are looked at"},
		{"a body of 50 MiB", "A: b\n\n" + strings.Repeat("--\n", 50<<20/3), "only the first 16777216 bytes are looked at"},
	}
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, diags := e.Compile("limits", []byte(script), false)
	if p == nil {
		t.Fatal(diags)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := p.Run(t.Context(), message.Parse([]byte(tt.msg)), &Env{})
			if res.Err != nil || len(res.Actions) != 1 {
				t.Fatalf("error %v, actions %v", res.Err, res.Actions)
			}
			if s, ok := res.Actions[0].(*action.Store); !ok || s.Mailbox != "through" {
				t.Errorf("action %+v", res.Actions[0])
			}
			if log := fmt.Sprint(res.Log); !strings.Contains(log, tt.log) || len(res.Log) > 3 {
				t.Errorf("log %.500s, want %q", log, tt.log)
			}
		})
	}
}

func TestTooManyReplaced(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, diags := e.Compile("replace", []byte(`require ["mime", "foreverypart", "replace"];
		foreverypart { if header :mime "X" "y" { replace "gone"; } }`), false)
	if p == nil {
		t.Fatal(diags)
	}
	for parts, fails := range map[int]bool{100: false, 101: true} {
		m := message.Parse([]byte("Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nX: y\n\nx\n", parts)))
		res := p.Run(t.Context(), m, &Env{})
		if (res.Err != nil) != fails || fails && (!strings.Contains(res.Err.Error(), "limit of 100") || res.Keep.Message != m) {
			t.Errorf("%d parts: error %v", parts, res.Err)
		}
	}
}
