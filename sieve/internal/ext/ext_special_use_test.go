package ext

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// someBoxes knows mailboxes by name; one called "broken" cannot be looked at.
type someBoxes []string

func (b someBoxes) Exists(_ context.Context, name string) (bool, error) {
	if name == "broken" {
		return true, errors.New("no permission")
	}
	for _, have := range b {
		if have == name {
			return true, nil
		}
	}
	return false, nil
}

// RFC 8579 section 3: what is asked for, of a mailbox and of any.
func TestSpecialUseExists(t *testing.T) {
	env := &engine.Env{
		Mailboxes: someBoxes{"Spam", "Old", "Plain"},
		SpecialUse: map[string][]string{
			"Spam": {`\Junk`}, "Old": {`\Archive`, `\All`}, "Gone": {`\Sent`}, "broken": {`\Drafts`},
		},
	}
	for test, want := range map[string]bool{
		`"\\Junk"`:                      true,
		`"\\JUNK"`:                      true,
		`["\\Junk", "\\Archive"]`:       true,
		`["\\Junk", "\\Trash"]`:         false,
		`"\\Sent"`:                      false, // its mailbox does not exist
		`"\\Drafts"`:                    false, // nor can this one be looked at
		`"Old" ["\\Archive", "\\all"]`:  true,
		`"Old" ["\\Archive", "\\Junk"]`: false,
		`"Plain" "\\Junk"`:              false,
		`"Gone" "\\Sent"`:               false,
	} {
		p := compileForTest(t, `require "special-use"; if specialuse_exists `+test+` { discard; }`, nil)
		res := p.Run(t.Context(), message.Parse([]byte("\n")), env)
		if got := res.Keep == nil; res.Err != nil || got != want {
			t.Errorf("%s: %v, want %v (%v)", test, got, want, res.Err)
		}
	}
}

// RFC 8579 section 4: the mailbox of the use, of several that which is named, else
// the one named in any case; a use that
// turns out to be wrong is an error.
func TestFileintoSpecialUse(t *testing.T) {
	env := &engine.Env{
		Mailboxes:  someBoxes{"B", "C", "Default"},
		SpecialUse: map[string][]string{"C": {`\Junk`}, "B": {`\Junk`, `\All`}, "A": {`\Junk`}, "Gone": {`\Sent`}, "Default": {`\All`}},
	}
	for _, c := range []struct{ use, want string }{
		{`\Junk`, "B"}, {`\All`, "Default"}, {`\Sent`, "Default"}, {`\Trash`, "Default"}, {`Junk`, "error"},
	} {
		p := compileForTest(t, `
			require ["special-use", "fileinto", "variables", "environment"];
			if environment :matches "phase" "*" { set "use" "${1}"; }
			fileinto :specialuse "${use}" "Default";`, nil)
		env.Items = map[string]string{"phase": c.use}
		res := p.Run(t.Context(), message.Parse([]byte("\n")), env)
		got := "error"
		if res.Err == nil {
			got = res.Actions[0].(*action.Store).Mailbox
		} else if !strings.Contains(res.Err.Error(), "special-use flag") {
			t.Errorf("%s: %v", c.use, res.Err)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.use, got, c.want)
		}
	}
}
