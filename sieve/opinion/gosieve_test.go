package opinion

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	gosieve "github.com/foxcpp/go-sieve"
	"github.com/foxcpp/go-sieve/interp"

	"dovetail/internal/message"
)

// goSieveCapabilities are those that github.com/foxcpp/go-sieve has, too.
var goSieveCapabilities = []string{"body", "comparator-i;ascii-numeric", "copy", "encoded-character", "envelope", "environment",
	"fileinto", "imap4flags", "reject", "relational", "subaddress", "variables"}

// goSieve runs scripts by github.com/foxcpp/go-sieve.
type goSieve struct{}

// hostMessage is the message as a host gives it to go-sieve: reading the header
// is the host's part there, so what is compared is the language alone.
type hostMessage struct {
	interp.MessageStatic
	msg *message.Message
}

func (m hostMessage) HeaderGet(name string) ([]string, error) {
	var values []string
	for f := range m.msg.Header(name) {
		values = append(values, f.Decoded())
	}
	return values, nil
}

// run gives the outcome of a script.
func (goSieve) run(_, script string, m *mail) (o outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			o, err = outcome{failed: "crash", said: fmt.Sprint(p)}, nil
		}
	}()
	options := gosieve.DefaultOptions()
	options.Interp.MaxRedirects = 100
	s, err := gosieve.Load(strings.NewReader(script), options)
	if err != nil {
		return outcome{failed: "compile", said: err.Error()}, nil
	}
	raw := m.bytes()
	host := hostMessage{interp.MessageStatic{Size: len(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))), RawMessage: raw}, message.Parse(raw)}
	host.Size = int(host.msg.VirtualSize())
	e := interp.EnvelopeStatic{From: m.envelope.From, To: m.envelope.To, Auth: m.envelope.Auth}
	data := gosieve.NewRuntimeData(s, interp.DummyPolicy{}, e, host)
	data.Env = interp.MapEnv(environment)
	if err := s.Execute(context.Background(), data); err != nil {
		return outcome{failed: "run", said: err.Error()}, nil
	}
	return applied(data.AppliedActions), nil
}

// applied brings the actions of go-sieve into the form of outcome.
func applied(actions []interp.AppliedAction) outcome {
	var o outcome
	for _, a := range actions {
		switch a := a.(type) {
		case interp.ActionKeep:
			if a.Implicit {
				o.keep = "keep" + flagText(a.Flags)
				continue
			}
			o.actions = append(o.actions, store("INBOX", a.Flags, false))
		case interp.ActionFileInto:
			o.actions = append(o.actions, store(a.Mailbox, a.Flags, a.Copy))
		case interp.ActionRedirect:
			o.actions = append(o.actions, copied("redirect "+a.Address, a.Copy))
		case interp.ActionReject:
			o.actions = append(o.actions, "reject "+a.Reason)
		case interp.ActionDiscard:
			o.actions = append(o.actions, "discard")
		default:
			o.actions = append(o.actions, fmt.Sprintf("%T", a))
		}
	}
	return o
}

// newRule makes a script of one test, which rejects with the match variables.
func newRule(r random, caps map[string]bool) (string, *mail) {
	g := newGenerator(r, caps)
	g.need("reject", "variables")
	head := g.presets()
	if g.one(2) {
		g.need("imap4flags")
		head += "setflag " + g.flags() + ";\n"
	}
	test := g.test(2)
	return g.require() + head + "if " + test + " {\n  reject \"true ${0}|${1}|${2}|${3}\";\n} else {\n  reject \"false\";\n}\n", g.mail
}

// Rules hold for dovetail where they hold for go-sieve, on what both have.
func TestRulesAsGoSieve(t *testing.T) {
	d, s := newDovetail(t), seed(t)
	e := engines{ours: func(script string, m *mail) outcome { return d.run(t, script, m) }, other: goSieve{}.run}
	caps := shared(d, goSieveCapabilities)
	c := &collector{known: map[string]int{}}
	pairs := amount(t, 10000)
	work(t, pairs, func(_, i int) {
		r := newRandom(s+3, i)
		r.clean = true // go-sieve hands addresses to net/mail, and gives up a whole list for one
		script, m := newRule(r, caps)
		found, err := e.compare("", script, m)
		switch {
		case err != nil:
			t.Error(err)
		case found != nil:
			c.add(t, goSieveDifferences, found)
		}
	})
	c.report(t, pairs)
}

// Every known difference is one still, and is recognised by its own name.
func TestKnownDifferencesFromGoSieve(t *testing.T) {
	d := newDovetail(t)
	e := engines{ours: func(script string, m *mail) outcome { return d.run(t, script, m) }, other: goSieve{}.run}
	checkExamples(t, e, goSieveDifferences)
}
