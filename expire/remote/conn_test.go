package remote

import (
	"io"
	"net"
	"testing"
)

// The keys go into the search that comes next, once, and it is known whether they did.
func TestConn(t *testing.T) {
	client, server := net.Pipe()
	c := &conn{Conn: client}
	sent := make(chan string)
	go func() {
		all, _ := io.ReadAll(server) // ends with the other side
		sent <- string(all)
	}()
	c.next("RECENT")
	for _, w := range []struct {
		text string
		put  bool
	}{{"1 NOOP\r\n", false}, {"2 UID SEARCH KEYWORD " + placeholder + "\r\n", true}} {
		if n, err := c.Write([]byte(w.text)); n != len(w.text) || err != nil {
			t.Errorf("%q: %d, %v", w.text, n, err)
		}
		if c.put() != w.put {
			t.Errorf("%q: put in %v", w.text, c.put())
		}
	}
	client.Close()
	if got, want := <-sent, "1 NOOP\r\n2 UID SEARCH RECENT\r\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}
