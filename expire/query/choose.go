package query

import "slices"

// Mailboxes gives of all mailboxes those in which the query may match something, and the
// ones that it names and that are not among them. Separator is that of their namespace.
func (q *Query) Mailboxes(all []string, separator string) (there, missing []string) {
	patterns := q.Patterns()
	for _, name := range all {
		listed := len(patterns) == 0
		for _, m := range patterns {
			listed = listed || m.Matches(name, separator)
		}
		if listed && mayMatch(q.Root, name, separator) != no {
			there = append(there, name)
		}
	}
	for _, m := range patterns {
		is := func(name string) bool { return m.Matches(name, separator) }
		if !m.Pattern && !slices.ContainsFunc(all, is) && !slices.Contains(missing, m.Name) {
			missing = append(missing, m.Name)
		}
	}
	return there, missing
}

// verdict is what is known of a part when only the mailbox is.
type verdict int

const (
	unknown verdict = iota
	no
	yes
)

func mayMatch(n Node, mailbox, separator string) verdict {
	combine := func(parts []Node, decisive verdict) verdict {
		result := yes + no - decisive
		for _, part := range parts {
			switch mayMatch(part, mailbox, separator) {
			case decisive:
				return decisive
			case unknown:
				result = unknown
			}
		}
		return result
	}
	switch n := n.(type) {
	case And:
		return combine(n.Parts, no)
	case Or:
		return combine(n.Parts, yes)
	case Not:
		if v := mayMatch(n.Part, mailbox, separator); v != unknown {
			return yes + no - v
		}
	case Mailbox:
		if n.Matches(mailbox, separator) {
			return yes
		}
		return no
	}
	return unknown
}
