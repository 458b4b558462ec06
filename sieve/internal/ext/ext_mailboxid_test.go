package ext

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// idBoxes knows mailboxes by their ids; asking for "bad" fails.
type idBoxes map[string]string

func (idBoxes) Exists(context.Context, string) (bool, error) { return true, nil }

func (b idBoxes) MailboxByID(_ context.Context, id string) (string, error) {
	if id == "bad" {
		return "Bad", errors.New("no permission")
	}
	return b[id], nil
}

// plainBoxes know no ids.
type plainBoxes struct{}

func (plainBoxes) Exists(context.Context, string) (bool, error) { return true, nil }

// RFC 9042 sections 4 and 6: the mailbox of the id, else the one named.
func TestMailboxID(t *testing.T) {
	ids := idBoxes{"F6352ae03": "Found"}
	for _, c := range []struct {
		id     string
		boxes  engine.Mailboxes
		want   string
		exists bool
	}{
		{"F6352ae03", ids, "Found", true}, {"f6352ae03", ids, "Default", false}, {"", ids, "Default", false},
		{"bad", ids, "Default", false}, {"F6352ae03", plainBoxes{}, "Default", false}, {"F6352ae03", nil, "Default", false},
	} {
		p := compileForTest(t, `
			require ["mailboxid", "fileinto", "copy"];
			fileinto :copy :mailboxid "`+c.id+`" "Default";
			if mailboxidexists ["`+c.id+`", "F6352ae03"] { discard; }`, nil)
		res := p.Run(t.Context(), message.Parse([]byte("\n")), &engine.Env{Mailboxes: c.boxes})
		if res.Err != nil {
			t.Errorf("%q: %v", c.id, res.Err)
			continue
		}
		if got := res.Actions[0].(*action.Store).Mailbox; got != c.want || (res.Keep == nil) != c.exists {
			t.Errorf("%q in %T: %q, exists %v", c.id, c.boxes, got, res.Keep == nil)
		}
	}
	e, err := engine.New(engine.Options{Extensions: "+special-use"})
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{ // sections 4.2 and 5
		`require ["mailboxid", "fileinto", "special-use"]; fileinto :mailboxid "x" :specialuse "\\Junk" "y";`,
		`require ["mailboxid", "vacation", "fcc", "special-use"]; vacation :fcc "y" :mailboxid "x" :specialuse "\\Sent" "z";`,
	} {
		if p, diags := e.Compile("test", []byte(src), false); p != nil || !strings.Contains(fmt.Sprint(diags), "not both") {
			t.Errorf("%s: %v", src, diags)
		}
	}
}
