package remote

import (
	"bytes"
	"net"
	"sync"
)

// placeholder stands for the keys of a search in the command that the client writes.
const placeholder = "$DovetailSearch"

// conn puts the keys of a search into the place of the placeholder: the client's own
// criteria know neither RECENT nor SAVEDBEFORE nor EMAILID, and cannot tell HEADER
// Subject from SUBJECT.
type conn struct {
	net.Conn
	mu   sync.Mutex
	keys string
}

// next sets the keys of the search that comes next.
func (c *conn) next(keys string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

// put tells whether the keys were put into a command.
func (c *conn) put() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys == ""
}

func (c *conn) Write(b []byte) (int, error) {
	before, after, found := bytes.Cut(b, []byte("KEYWORD "+placeholder))
	if !found {
		return c.Conn.Write(b)
	}
	c.mu.Lock()
	keys := c.keys
	c.keys = ""
	c.mu.Unlock()
	if _, err := c.Conn.Write(bytes.Join([][]byte{before, []byte(keys), after}, nil)); err != nil {
		return 0, err
	}
	return len(b), nil
}
