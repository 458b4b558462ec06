package builtin

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"

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

// collector takes the tokens of one message, each once.
type collector struct {
	names map[token]string // the texts, for people
	hash  hash.Hash64
	buf   []byte // the token under way
	list  []token
	text  int   // bytes of text that may still be read
	err   error // of reading the message
}

// tokensOf gives the different tokens of a message, sorted, and their texts. The
// error is that of reading the message.
func tokensOf(m *message.Message) ([]token, map[token]string, error) {
	c := &collector{names: make(map[token]string, 256), hash: fnv.New64a(), text: maxText}
	c.header(m)
	c.structure(m)
	if c.err != nil {
		return nil, nil, fmt.Errorf("reading the message: %w", c.err)
	}
	slices.Sort(c.list)
	return c.list, c.names, nil
}

// add takes a token.
func (c *collector) add(prefix, text string) {
	if text == "" || len(c.list) >= maxTokens {
		return
	}
	text = text[:min(len(text), maxTokenBytes)]
	c.buf = append(append(c.buf[:0], prefix...), text...)
	c.hash.Reset()
	_, _ = c.hash.Write(c.buf) // a hash takes everything
	t := token(c.hash.Sum64())
	if _, ok := c.names[t]; ok {
		return
	}
	c.names[t] = string(c.buf)
	c.list = append(c.list, t)
}
