package builtin

import (
	"fmt"
	"sync"

	"dovetail/internal/message"
)

// Bounds of what is read of one message. What is beyond them does not count, so
// that no message costs more than these.
const (
	maxTokens     = 1000      // different tokens
	maxText       = 128 << 10 // bytes of text, of all parts together
	maxParts      = 50        // MIME parts
	maxFields     = 200       // header fields
	maxFieldValue = 2 << 10   // bytes of one field's value
	maxTokenBytes = 60        // of a token without its prefix: addresses and hosts may be that long
	minWord       = 3         // characters
	maxWord       = 30        // characters; of a longer one only its length counts
)

// token is the hash of what was found in a message: FNV-1a with 64 bits of its
// text, prefix included. Of ten million different tokens two have the same hash
// with a probability of three in a million.
type token uint64

// The numbers of FNV-1a, which hashes while a text is looked at.
const (
	fnvOffset token = 14695981039346656037
	fnvPrime  token = 1099511628211
)

// with goes on with a hash.
func (t token) with(text string) token {
	for i := range len(text) {
		t = (t ^ token(text[i])) * fnvPrime
	}
	return t
}

// withLower goes on with the hash of ASCII text in lower case.
func (t token) withLower(text string) token {
	for i := range len(text) {
		t = (t ^ token(lower(text[i]))) * fnvPrime
	}
	return t
}

// lower gives an ASCII letter in lower case.
func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		b |= 0x20
	}
	return b
}

// found are the different tokens of a message, in the order in which they came.
type found struct {
	tokens []token
	texts  []byte // of all tokens, for people
	ends   []int  // where each token's text ends
}

// name gives the text of a token.
func (f *found) name(i int) string {
	from := 0
	if i > 0 {
		from = f.ends[i-1]
	}
	return string(f.texts[from:f.ends[i]])
}

// collector takes the tokens of one message, each once.
type collector struct {
	*found
	*scratch
	text int   // bytes of text that may still be read
	err  error // of reading the message
}

// scratch is memory that messages use one after the other.
type scratch struct {
	seen    [2 * 1024]token // a hash table of the tokens, more than twice as large as maxTokens
	content []byte          // of a part
	plain   []byte          // what HTML shows
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// tokensOf gives the tokens of a message. The error is that of reading it.
func tokensOf(m *message.Message) (*found, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	clear(s.seen[:])
	c := &collector{scratch: s, text: maxText, found: &found{
		tokens: make([]token, 0, 384), ends: make([]int, 0, 384), texts: make([]byte, 0, 5<<10),
	}}
	c.header(m)
	c.structure(m)
	if c.err != nil {
		return nil, fmt.Errorf("reading the message: %w", c.err)
	}
	return c.found, nil
}

// isNew tells whether a token is to be taken: then its text must follow.
func (c *collector) isNew(t token) bool {
	if len(c.tokens) >= maxTokens {
		return false
	}
	t = max(t, 1) // zero is an empty place
	i := t % token(len(c.seen))
	for ; c.seen[i] != 0; i = (i + 1) % token(len(c.seen)) {
		if c.seen[i] == t {
			return false
		}
	}
	c.seen[i] = t
	c.tokens = append(c.tokens, t)
	return true
}

// add takes a token.
func (c *collector) add(prefix, text string) {
	if text == "" {
		return
	}
	text = text[:min(len(text), maxTokenBytes)]
	if c.isNew(fnvOffset.with(prefix).with(text)) {
		c.texts = append(append(c.texts, prefix...), text...)
		c.ends = append(c.ends, len(c.texts))
	}
}

// addLower takes a token of ASCII text in lower case.
func (c *collector) addLower(prefix, text string) {
	if text == "" {
		return
	}
	text = text[:min(len(text), maxTokenBytes)]
	if c.isNew(fnvOffset.with(prefix).withLower(text)) {
		c.texts = append(c.texts, prefix...)
		for i := range len(text) {
			c.texts = append(c.texts, lower(text[i]))
		}
		c.ends = append(c.ends, len(c.texts))
	}
}
