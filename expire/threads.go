package expire

import (
	"strings"
	"sync"

	"dovetail/expire/query"
	"dovetail/internal/message"
)

// thread makes a test for the threads that messages of a kind are in. They are worked
// out when the first message is asked about, since that reads the whole mailbox.
func (m *matcher) thread(n query.InThread) test {
	kind := &matcher{query: m.query, scan: m.scan, sep: m.sep}
	kind.root = kind.compile(n.Part)
	var once sync.Once
	var in map[uint32]bool
	var err error
	return leaf(byBody, func(s *subject) (bool, error) {
		once.Do(func() { in, err = kind.inThreads(s, n.Algorithm) })
		return err == nil && in[s.Seq], err
	})
}

// inThreads gives the numbers of all messages that are in the thread of one that matches.
func (m *matcher) inThreads(asked *subject, algorithm query.Threading) (map[uint32]bool, error) {
	t := &threader{algorithm: algorithm, nodes: map[string]*threadNode{}}
	matched := map[uint32]bool{}
	buffers := &scratch{viewer: m.scan.Viewer()}
	defer buffers.viewer.Close() // nothing was written
	for f := range m.scan.Messages() {
		if err := asked.ctx.Err(); err != nil {
			return nil, err
		}
		s := &subject{Found: f, ctx: asked.ctx, store: asked.store, last: asked.last, scratch: buffers}
		ok, err := m.matches(s, false)
		if err == nil {
			err = t.add(s)
		}
		if closeErr := s.close(); err == nil {
			err = closeErr
		}
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err // whose thread it is in nobody knows
		}
		matched[f.Seq] = ok
	}
	return t.with(matched), nil
}

// threadNode is a message, or the id of one that is only referred to.
type threadNode struct {
	parent  *threadNode
	seq     uint32 // 0: only referred to
	sent    int64
	subject string // base subject
}

// threader puts messages into threads (RFC 5256 section 3, "REFERENCES" step 1).
type threader struct {
	algorithm query.Threading
	nodes     map[string]*threadNode // by message id
	messages  []*threadNode
}

// add takes in the next message.
func (t *threader) add(s *subject) error {
	header := map[string]string{}
	for _, name := range []string{"Message-ID", "References", "In-Reply-To", "Subject"} {
		fields, err := s.fields(name)
		if err != nil {
			return err
		}
		for f := range fields {
			header[name] = f.Value()
			break
		}
	}
	n := &threadNode{subject: baseSubject(message.DecodeWords(header["Subject"]))}
	if ids := messageIDs(header["Message-ID"]); len(ids) > 0 {
		known := t.nodes[ids[0]]
		switch {
		case known == nil:
			t.nodes[ids[0]] = n
		case known.seq == 0:
			known.subject = n.subject
			n = known
		} // else another message has that id: this one is on its own
	}
	dates, err := s.fields("Date")
	if err != nil {
		return err
	}
	n.seq = s.Seq
	n.sent, _ = sentAt(dates)
	t.messages = append(t.messages, n)
	if t.algorithm == query.OrderedSubject {
		return nil
	}
	references := messageIDs(header["References"])
	if len(references) == 0 {
		references = messageIDs(header["In-Reply-To"])
		references = references[:min(1, len(references))]
	}
	t.link(n, references)
	return nil
}

// link connects a message with those it refers to, the oldest first.
func (t *threader) link(n *threadNode, references []string) {
	var last *threadNode
	for _, id := range references {
		r := t.nodes[id]
		if r == nil {
			r = &threadNode{}
			t.nodes[id] = r
		}
		if last != nil && r.parent == nil && !last.descends(r) {
			r.parent = last
		}
		last = r
	}
	if n.parent = nil; !last.descends(n) { // else it would be its own ancestor
		n.parent = last
	}
}

// descends tells whether a node is another one or below it.
func (n *threadNode) descends(from *threadNode) bool {
	for ; n != nil; n = n.parent {
		if n == from {
			return true
		}
	}
	return false
}

// isTop tells whether there is no message above a node.
func (n *threadNode) isTop() bool {
	for n = n.parent; n != nil; n = n.parent {
		if n.seq > 0 {
			return false
		}
	}
	return true
}

func (n *threadNode) root() *threadNode {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// with gives the messages of the threads that have one of some messages in them.
func (t *threader) with(some map[uint32]bool) map[uint32]bool {
	thread := make([]any, len(t.messages)) // what identifies each one's
	first := map[*threadNode]*threadNode{} // message of a root: itself, or the first sent of those right below it
	for i, n := range t.messages {
		root := n.root()
		if thread[i] = root; n.isTop() && (first[root] == nil || n.sent < first[root].sent) {
			first[root] = n
		}
	}
	if t.algorithm != query.Refs {
		for i, n := range t.messages {
			if subject := first[n.root()].subject; subject != "" || t.algorithm == query.OrderedSubject {
				thread[i] = subject
			}
		}
	}
	wanted := map[any]bool{}
	for i, n := range t.messages {
		wanted[thread[i]] = wanted[thread[i]] || some[n.seq]
	}
	in := map[uint32]bool{}
	for i, n := range t.messages {
		in[n.seq] = wanted[thread[i]]
	}
	return in
}

// messageIDs gives the ids in a field, without their brackets.
func messageIDs(value string) []string {
	var ids []string
	for {
		_, rest, ok := strings.Cut(value, "<")
		if !ok {
			return ids
		}
		id, after, ok := strings.Cut(rest, ">")
		if !ok {
			return ids
		}
		value = after
		if id = strings.Join(strings.Fields(id), ""); strings.Contains(id, "@") {
			ids = append(ids, id)
		}
	}
}

// baseSubject takes off a subject what replies and forwards add (RFC 5256 section 2.1).
func baseSubject(s string) string {
	s = strings.ToUpper(oneSpace(s))
	for {
		before := s
		for strings.HasSuffix(s, "(FWD)") {
			s = strings.TrimSpace(strings.TrimSuffix(s, "(FWD)"))
		}
		for {
			rest, ok := cutReply(s)
			if !ok {
				if rest, ok = cutBlob(s); !ok || rest == "" {
					break
				}
			}
			s = rest
		}
		if strings.HasPrefix(s, "[FWD:") && strings.HasSuffix(s, "]") {
			s = strings.TrimSpace(s[len("[FWD:") : len(s)-1])
		}
		if s == before {
			return s
		}
	}
}

// cutBlob takes off a "[list] ".
func cutBlob(s string) (string, bool) {
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	end := strings.IndexAny(s[1:], "[]")
	if end < 0 || s[1+end] != ']' {
		return s, false
	}
	return strings.TrimLeft(s[end+2:], " "), true
}

// cutReply takes off a "Re: ", "Fw: ", "Fwd: ", with blobs before it and inside.
func cutReply(s string) (string, bool) {
	rest := s
	for {
		after, ok := cutBlob(rest)
		if !ok {
			break
		}
		rest = after
	}
	for _, word := range []string{"RE", "FWD", "FW"} {
		after, ok := strings.CutPrefix(rest, word)
		if !ok {
			continue
		}
		after, _ = cutBlob(strings.TrimLeft(after, " "))
		if after, ok = strings.CutPrefix(after, ":"); ok {
			return strings.TrimLeft(after, " "), true
		}
	}
	return s, false
}
