package opinion

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/explain"
	"dovetail/internal/message"
	"dovetail/sieve"
)

// outcome is what an engine makes of a script and a message, in a form that is
// the same for all engines.
type outcome struct {
	actions []string // a line each, in order
	keep    string   // the implicit keep: "", or "keep" with its flags
	failed  string   // "compile", "run" or "crash" when that went wrong; the rest is empty then
	said    string   // messages of the engine, for the reader; not compared
}

func (o outcome) String() string {
	if o.failed != "" {
		return fmt.Sprintf("%s error: %s", o.failed, o.said)
	}
	return fmt.Sprintf("%s, implicit keep: %q\n%s", strings.Join(append([]string{"actions:"}, o.actions...), "\n    "), o.keep, o.said)
}

func (o outcome) equal(p outcome) bool {
	return o.failed == p.failed && slices.Equal(o.actions, p.actions) && o.keep == p.keep
}

// reported is an action of the report of `dovetail sieve test --format json`.
type reported struct {
	Action, Mailbox, Address, Reason, Method, Name, Value string
	Flags                                                 []string
	Copy                                                  bool
}

// line writes an action of the report as outcome has it; "" for one that the
// other engines do not tell.
func (a reported) line() string {
	switch a.Action {
	case "keep", "fileinto":
		return store(a.Mailbox, a.Flags, a.Copy)
	case "redirect":
		return copied("redirect "+a.Address, a.Copy)
	case "reject", "ereject":
		return a.Action + " " + a.Reason
	case "addheader", "deleteheader":
		return ""
	}
	return a.Action
}

// maxName bounds what is compared of a name: sieve-test prints so much.
const maxName = 120

func store(mailbox string, flags []string, copy bool) string {
	if len(mailbox) > maxName {
		mailbox = mailbox[:maxName]
	}
	return copied(fmt.Sprintf("store %q%s", mailbox, flagText(flags)), copy)
}

func copied(line string, copy bool) string {
	if copy {
		return line + " :copy"
	}
	return line
}

// flagText writes flags in one case and order: they are a set without case
// (RFC 3501 section 2.3.2).
func flagText(flags []string) string {
	var b strings.Builder
	flags = slices.Clone(flags)
	for i, f := range flags {
		flags[i] = strings.ToLower(f)
	}
	slices.Sort(flags)
	for _, f := range slices.Compact(flags) {
		b.WriteString(" " + f)
	}
	return b.String()
}

// dovetail is the engine of this project.
type dovetail struct{ engine *sieve.Engine }

// optional are the capabilities that are off by default and belong to what is
// compared.
var optional = []string{"editheader", "vacation-seconds", "spamtest", "spamtestplus", "virustest", "special-use", "mboxmetadata", "servermetadata", "vnd.dovecot.debug"}

func newDovetail(t testing.TB) *dovetail {
	t.Helper()
	e, err := sieve.New(sieve.Options{Extensions: "+" + strings.Join(optional, " +"), Limits: sieve.Limits{Actions: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	return &dovetail{e}
}

// run gives the outcome of a script.
func (d *dovetail) run(t testing.TB, script string, m *mail) outcome {
	t.Helper()
	p, diags := d.engine.Compile("script", []byte(script), false)
	if p == nil {
		return outcome{failed: "compile", said: diags.Error()}
	}
	msg := message.Parse(m.bytes())
	res := p.Run(context.Background(), msg, &sieve.Env{
		Envelope: &m.envelope, User: "user", UserEmail: "user@example.org", Postmaster: "postmaster@example.org",
		Items: environment, Mailboxes: mailboxes{},
	})
	if res.Err != nil {
		return outcome{failed: "run", said: res.Err.Error()}
	}
	text, err := json.Marshal(explain.NewReport(msg, res))
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Actions []reported }
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	var o outcome
	for _, a := range report.Actions {
		if line := a.line(); line != "" {
			o.actions = append(o.actions, line)
		}
	}
	if res.Keep != nil {
		o.keep = "keep" + flagText(res.Keep.Flags)
	}
	return o
}

// accepts tells whether a script compiles.
func (d *dovetail) accepts(script string) (ok bool, said string) {
	p, diags := d.engine.Compile("script", []byte(script), false)
	return p != nil, diags.Error()
}

// environment holds the items as sieve-test has them.
var environment = map[string]string{"location": "MS", "phase": "post", "name": "Pigeonhole Sieve"}

// mailboxes are those of a user without mail.
type mailboxes struct{}

func (mailboxes) Exists(_ context.Context, name string) (bool, error) {
	return strings.EqualFold(name, "INBOX"), nil
}
