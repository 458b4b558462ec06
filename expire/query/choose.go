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
		if listed && mayMatch(q.Root, name, separator) != No {
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

// mayMatch tells what is known of a part when only the mailbox is.
func mayMatch(n Node, mailbox, separator string) Verdict {
	ask := func(part Node) Verdict { return mayMatch(part, mailbox, separator) }
	switch n := n.(type) {
	case And:
		return Combine(n.Parts, No, ask)
	case Or:
		return Combine(n.Parts, Yes, ask)
	case Not:
		return ask(n.Part).Not()
	case Mailbox:
		return VerdictOf(n.Matches(mailbox, separator))
	}
	return Unknown
}
