// Package explain says in words, or in JSON, what scripts do: the actions that a
// run asks for, and the steps that led to them.
package explain

import (
	"fmt"
	"io"
	"strings"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

// Report is the object that `dovetail sieve test --format json` prints.
type Report struct {
	Actions      []any  `json:"actions"`
	ImplicitKeep bool   `json:"implicit_keep"`
	Error        string `json:"error"`
}

// The elements of Report.Actions. Their keys are an interface.
type (
	store struct {
		Action  string   `json:"action"` // keep, fileinto
		Mailbox string   `json:"mailbox"`
		Flags   []string `json:"flags"`
		Copy    bool     `json:"copy"`
	}
	redirect struct {
		Action  string `json:"action"`
		Address string `json:"address"`
		Copy    bool   `json:"copy"`
	}
	reject struct {
		Action string `json:"action"`
		Reason string `json:"reason"`
	}
	discard struct {
		Action string `json:"action"`
	}
	pipe struct {
		Action  string   `json:"action"`
		Program string   `json:"program"`
		Args    []string `json:"args"`
		Copy    bool     `json:"copy"`
	}
	notify struct {
		Action     string   `json:"action"` // notify, report
		Recipients []string `json:"recipients"`
		Subject    string   `json:"subject"`
		Importance int      `json:"importance"`
	}
	header struct {
		Action string `json:"action"` // addheader, deleteheader
		Name   string `json:"name"`
		Value  string `json:"value"`
	}
)

// NewReport makes the report of a run over original. Changes of the header come
// first, as the difference between the message at the beginning and at the end.
func NewReport(original *message.Message, res *sieve.Result) Report {
	rep := Report{Actions: edits(original, res.Message), ImplicitKeep: res.Keep != nil}
	for _, a := range res.Actions {
		if _, hidden := a.(*action.Remember); !hidden {
			rep.Actions = append(rep.Actions, element(a))
		}
	}
	if res.Err != nil {
		rep.Error = res.Err.Error()
	}
	return rep
}

func element(a action.Action) any {
	switch a := a.(type) {
	case *action.Store:
		s := store{Action: "fileinto", Mailbox: a.Mailbox, Flags: append([]string{}, a.Flags...), Copy: a.Copy}
		if a.Mailbox == "" {
			s.Action, s.Mailbox = "keep", mailstore.Inbox
		}
		return s
	case *action.Redirect:
		return redirect{"redirect", a.Address, a.Copy}
	case *action.Reject:
		if a.Ereject {
			return reject{"ereject", a.Reason}
		}
		return reject{"reject", a.Reason}
	case *action.Respond:
		return reject{"vacation", a.Reason}
	case *action.Pipe:
		return pipe{"pipe", a.Program, append([]string{}, a.Args...), a.Copy}
	case *action.Notify:
		n := notify{Action: a.Name(), Importance: a.Importance, Recipients: []string{}}
		for _, r := range a.To {
			n.Recipients = append(n.Recipients, r.Address)
		}
		for f := range a.Message.Header("Subject") {
			n.Subject = f.Decoded()
		}
		return n
	}
	return discard{a.Name()}
}

// edits compares two headers field by field.
func edits(before, after *message.Message) []any {
	out := []any{}
	if after == nil || after == before {
		return out
	}
	old := map[string]int{}
	for _, f := range before.Fields() {
		old[f.Raw()]++
	}
	for _, f := range after.Fields() {
		if old[f.Raw()] > 0 {
			old[f.Raw()]--
			continue
		}
		out = append(out, header{"addheader", f.Name, f.Decoded()})
	}
	for _, f := range before.Fields() {
		if old[f.Raw()] > 0 {
			old[f.Raw()]--
			out = append(out, header{"deleteheader", f.Name, f.Decoded()})
		}
	}
	return out
}

// WriteReport writes a report for people, a line per action.
func WriteReport(w io.Writer, rep Report, res *sieve.Result) error {
	var b strings.Builder
	for _, a := range rep.Actions {
		fmt.Fprintln(&b, sentence(a))
	}
	if res.Keep != nil {
		fmt.Fprintf(&b, "implicit keep%s\n", flagged(res.Keep.Flags))
	}
	for _, d := range res.Log {
		fmt.Fprintln(&b, d)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sentence(a any) string {
	switch a := a.(type) {
	case store:
		s := a.Action
		if s == "fileinto" {
			s += fmt.Sprintf(" %q", a.Mailbox)
		}
		return s + flagged(a.Flags)
	case redirect:
		return "redirect to " + a.Address
	case reject:
		return fmt.Sprintf("%s: %s", a.Action, a.Reason)
	case pipe:
		return strings.TrimSpace(fmt.Sprintf("pipe to %q %s", a.Program, strings.Join(a.Args, " ")))
	case notify:
		return fmt.Sprintf("%s %s: %s", a.Action, strings.Join(a.Recipients, ", "), a.Subject)
	case header:
		return fmt.Sprintf("%s %s: %s", a.Action, a.Name, a.Value)
	case discard:
		return a.Action
	}
	return fmt.Sprint(a)
}

func flagged(flags []string) string {
	if len(flags) == 0 {
		return ""
	}
	return " with flags " + strings.Join(flags, " ")
}

// maxShown bounds a value in a trace line, in bytes.
const maxShown = 120

// Tracer writes a line for each step of a run: script, line and column, the
// command, the comparisons that a test made, and its outcome.
type Tracer struct {
	w   io.Writer
	err error
}

// NewTracer writes to w.
func NewTracer(w io.Writer) *Tracer { return &Tracer{w: w} }

// Err gives the first error of writing.
func (t *Tracer) Err() error { return t.err }

// Trace is told of each step.
func (t *Tracer) Trace(e sieve.Event) {
	var text string
	switch e.Kind {
	case sieve.EventCommand:
		text = e.Name
	case sieve.EventMatch:
		text = fmt.Sprintf("    %s %s: %s %s %s", e.Name, e.Match, shown(e.Value), verdict(e.Result, "matches", "does not match"), shown(e.Key))
	case sieve.EventTest:
		text = fmt.Sprintf("  %s is %s", e.Name, verdict(e.Result, "true", "false"))
	case sieve.EventAction:
		text = "  => " + sentence(element(e.Action))
	case sieve.EventEdit:
		text = "  => " + strings.TrimSpace(e.Name+" "+e.Text)
	}
	if _, err := fmt.Fprintf(t.w, "%s:%d:%d: %s\n", e.Script, e.Pos.Line, e.Pos.Col, text); err != nil && t.err == nil {
		t.err = err
	}
}

func verdict(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}

func shown(s string) string {
	if len(s) > maxShown {
		return fmt.Sprintf("%.*q…", maxShown, s)
	}
	return fmt.Sprintf("%q", s)
}
