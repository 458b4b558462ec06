package filter

import (
	"fmt"
	"slices"
	"strings"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
	"dovetail/sieve"
	"dovetail/sieve/action"
)

// Plan is what is to be done with one message. The zero value leaves it as it is.
type Plan struct {
	Stores   []*action.Store // into other mailboxes
	Replace  *action.Store   // the edited message, which takes the place of the old
	Flags    []string        // in the source, where SetFlags
	SetFlags bool            // the flags change
	Leave    []action.Action // redirect and pipe
	Unsent   []action.Action // what would tell others and is not done
	Remove   bool            // from the source, after all else
	Dropped  bool            // the script keeps it nowhere
	Trashed  bool            // the last of Stores is the one of Options.Trash
}

// IsNothing tells whether the message is left as it is and nobody is told.
func (p *Plan) IsNothing() bool {
	return len(p.Stores)+len(p.Leave)+len(p.Unsent) == 0 && p.Replace == nil && !p.SetFlags && !p.Remove && !p.Dropped
}

// needsMessage tells whether carrying it out needs the message's bytes.
func (p *Plan) needsMessage() bool { return len(p.Stores)+len(p.Leave) > 0 || p.Replace != nil }

// plan makes the plan of a message from what the script asks for.
func plan(o *Options, e *mailstore.Entry, m *message.Message, res *sieve.Result) Plan {
	var p Plan
	var here *action.Store // what stores into the source
	unsent := false
	store := func(a *action.Store) {
		s := *a
		if s.Mailbox == "" {
			s.Mailbox = o.Default
		}
		if !sameMailbox(s.Mailbox, o.Mailbox) {
			p.addStore(&s)
			return
		}
		if here != nil {
			s.Flags = union(here.Flags, s.Flags)
		}
		here = &s
	}
	for _, a := range res.Actions {
		switch a := a.(type) {
		case *action.Store:
			store(a)
		case *action.Pipe:
			p.Leave = append(p.Leave, a)
		case *action.Redirect:
			if o.Send {
				p.Leave = append(p.Leave, a)
				continue
			}
			p.Unsent = append(p.Unsent, a)
			unsent = unsent || !a.Copy
		case *action.Reject:
			p.Unsent, unsent = append(p.Unsent, a), true
		case *action.Respond, *action.Notify:
			p.Unsent = append(p.Unsent, a)
		}
	}
	if res.Keep != nil {
		store(res.Keep)
	}
	switch {
	case here != nil:
		p.stay(o, e, m, here)
	case len(p.Stores) > 0:
		p.Remove = o.Write
	case !unsent:
		p.drop(o, e, m)
	}
	return p
}

// stay plans for a message that the script leaves in the source.
func (p *Plan) stay(o *Options, e *mailstore.Entry, m *message.Message, here *action.Store) {
	if !o.Write {
		return
	}
	if here.Message != nil && here.Message.Identity() != m.Identity() {
		p.Replace, p.Remove = here, true
		return
	}
	p.setFlags(e, here.Flags)
}

// drop plans for a message that the script keeps nowhere.
func (p *Plan) drop(o *Options, e *mailstore.Entry, m *message.Message) {
	p.Dropped = true
	if !o.Write {
		return
	}
	switch o.Discard {
	case DiscardKeep:
	case DiscardMove:
		if !sameMailbox(o.Trash, o.Mailbox) {
			p.Stores = append(p.Stores, &action.Store{Mailbox: o.Trash, Flags: e.Flags, Create: true, Message: m})
			p.Trashed, p.Remove = true, true
		}
	case DiscardDelete:
		p.setFlags(e, union(e.Flags, []string{`\Deleted`}))
	case DiscardExpunge:
		p.Remove = true
	}
}

func (p *Plan) setFlags(e *mailstore.Entry, flags []string) {
	if !sameFlags(e.Flags, flags) {
		p.Flags, p.SetFlags = flags, true
	}
}

// addStore adds a store; a second one into a mailbox only adds its flags.
func (p *Plan) addStore(s *action.Store) {
	for _, have := range p.Stores {
		if sameMailbox(have.Mailbox, s.Mailbox) {
			have.Flags = union(have.Flags, s.Flags)
			have.Create = have.Create || s.Create
			return
		}
	}
	p.Stores = append(p.Stores, s)
}

// Text says the plan in words, with ", " between its parts.
func (p *Plan) Text() string {
	var parts []string
	verb := "copy"
	if p.Remove && p.Replace == nil {
		verb = "move"
	}
	stores := p.Stores
	if p.Trashed {
		stores = stores[:len(stores)-1]
	}
	for _, s := range stores {
		parts = append(parts, fmt.Sprintf("%s to %q%s", verb, s.Mailbox, flagged(s.Flags)))
		verb = "copy" // once is it moved
	}
	for _, a := range p.Leave {
		parts = append(parts, sentence(a))
	}
	for _, a := range p.Unsent {
		parts = append(parts, sentence(a)+" (not sent)")
	}
	switch {
	case p.Replace != nil:
		parts = append(parts, "change the header"+flagged(p.Replace.Flags))
	case p.Dropped && p.Trashed:
		parts = append(parts, fmt.Sprintf("discard: move to %q", p.Stores[len(p.Stores)-1].Mailbox))
	case p.Dropped && p.Remove:
		parts = append(parts, "discard: expunge")
	case p.Dropped && p.SetFlags:
		parts = append(parts, `discard: flag \Deleted`)
	case p.Dropped:
		parts = append(parts, "discard: keep")
	case p.SetFlags && len(p.Flags) == 0:
		parts = append(parts, "remove all flags")
	case p.SetFlags:
		parts = append(parts, "set flags "+strings.Join(p.Flags, " "))
	}
	if parts == nil {
		return "leave"
	}
	return strings.Join(parts, ", ")
}

func sentence(a action.Action) string {
	switch a := a.(type) {
	case *action.Redirect:
		return "redirect to " + a.Address
	case *action.Pipe:
		return fmt.Sprintf("pipe to %q", a.Program)
	}
	return a.Name()
}

func flagged(flags []string) string {
	if len(flags) == 0 {
		return ""
	}
	return " with flags " + strings.Join(flags, " ")
}

func sameMailbox(a, b string) bool {
	return a == b || strings.EqualFold(a, mailstore.Inbox) && strings.EqualFold(b, mailstore.Inbox)
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, f := range b {
		if !mailstore.HasFlag(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// sameFlags compares flags as sets, in any case of letters.
func sameFlags(a, b []string) bool {
	return !slices.ContainsFunc(a, func(f string) bool { return !mailstore.HasFlag(b, f) }) &&
		!slices.ContainsFunc(b, func(f string) bool { return !mailstore.HasFlag(a, f) })
}
