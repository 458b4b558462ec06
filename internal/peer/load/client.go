package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"dovetail/internal/peer"
)

// client is one connection. It sends what RFC 2920 allows at once: go-smtp's
// client, which waits for each reply, would measure itself.
type client struct {
	conn       net.Conn
	r          *bufio.Reader
	latencies  []time.Duration
	deliveries int
}

func dial(ctx context.Context, addr string) (*client, error) {
	conn, err := peer.Dial(addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	c := &client{conn: conn, r: bufio.NewReaderSize(conn, 16<<10)}
	err = c.expect("220")
	if err == nil {
		_, err = conn.Write([]byte("LHLO load.example.net\r\n"))
	}
	if err == nil {
		err = c.expect("250")
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return c, nil
}

// transaction sends one message and awaits its replies (RFC 2033 section 4.2).
func (c *client) transaction(o Options, id string, text []byte, rcpts []string) error {
	var commands strings.Builder
	commands.WriteString("MAIL FROM:<sender@example.net>\r\n")
	for _, rcpt := range rcpts {
		fmt.Fprintf(&commands, "RCPT TO:<%s>\r\n", rcpt)
	}
	commands.WriteString("DATA\r\n")

	begin := time.Now()
	if _, err := c.conn.Write([]byte(commands.String())); err != nil {
		return fmt.Errorf("message %s: %w", id, err)
	}
	for range 1 + len(rcpts) {
		if err := c.expect("250"); err != nil {
			return fmt.Errorf("message %s: %w", id, err)
		}
	}
	if err := c.expect("354"); err != nil {
		return fmt.Errorf("message %s: DATA: %w", id, err)
	}
	// No line of the message begins with a dot.
	if _, err := c.conn.Write(append(text, ".\r\n"...)); err != nil {
		return fmt.Errorf("message %s: %w", id, err)
	}
	for _, rcpt := range rcpts {
		if err := c.expect("250"); err != nil {
			return fmt.Errorf("message %s for %s: %w", id, rcpt, err)
		}
		c.deliveries++
		if o.Acked != nil {
			o.Acked(id, rcpt)
		}
	}
	c.latencies = append(c.latencies, time.Since(begin))
	return nil
}

// errReply is a reply with another code than the one that was wanted.
var errReply = errors.New("unwanted reply")

// expect reads a reply, which may have several lines, and checks its code.
func (c *client) expect(code string) error {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("awaiting %s: %w", code, err)
		}
		if !strings.HasPrefix(line, code) || len(line) < 4 {
			return fmt.Errorf("%w: %q instead of %s", errReply, line, code)
		}
		if line[3] != '-' {
			return nil
		}
	}
}

// interrupt lets what is under way fail.
func (c *client) interrupt() { _ = c.conn.SetDeadline(time.Unix(1, 0)) }

func (c *client) close() {
	_ = c.conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.conn.Write([]byte("QUIT\r\n")); err == nil {
		_ = c.expect("221")
	}
	c.conn.Close()
}
