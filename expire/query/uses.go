package query

// HasNumbers tells whether a query asks for numbers of messages, which change with
// each that comes or goes: sequence numbers, or UIDs, which a new message has none of.
func (q *Query) HasNumbers() bool {
	return uses(q.Root, func(n Node) bool {
		switch n.(type) {
		case Sequence, UID:
			return true
		}
		return false
	})
}

// HasClock tells whether a query asks for a time by a clock.
func (q *Query) HasClock(c Clock) bool {
	return uses(q.Root, func(n Node) bool {
		d, ok := n.(Date)
		return ok && d.Clock == c
	})
}

// HasThreads tells whether a query asks about more than a message itself.
func (q *Query) HasThreads() bool {
	return uses(q.Root, func(n Node) bool {
		_, ok := n.(InThread)
		return ok
	})
}

// uses tells whether one of the parts of a query is of a kind.
func uses(n Node, kind func(Node) bool) bool {
	var parts []Node
	switch n := n.(type) {
	case And:
		parts = n.Parts
	case Or:
		parts = n.Parts
	case Not:
		parts = []Node{n.Part}
	case InThread:
		parts = []Node{n.Part}
	}
	for _, part := range parts {
		if uses(part, kind) {
			return true
		}
	}
	return kind(n)
}
