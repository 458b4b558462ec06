package dovecot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	// errBroken says that the connection ended before the answer.
	errBroken = errors.New("the connection broke")
	// errWrongSocket is given for a socket that speaks another protocol.
	errWrongSocket = errors.New("this is Dovecot's auth-client socket, where passwords are checked; users are asked for at auth-userdb (or auth-master)")
)

// maxLine bounds a line of Dovecot's; its own client takes 8192 bytes.
const maxLine = 64 << 10

// greet connects and exchanges versions. Dovecot 2.3 speaks first; the client
// socket of 2.4 waits for us, so our line goes out at once.
func (d *Driver) greet(ctx context.Context) (net.Conn, *bufio.Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	nc, err := (&net.Dialer{}).DialContext(ctx, "unix", d.o.Socket)
	if err != nil {
		return nil, nil, d.explainRefusal(err)
	}
	in := bufio.NewReaderSize(nc, maxLine)
	deadline, _ := ctx.Deadline()
	err = nc.SetDeadline(deadline)
	if err == nil {
		_, err = io.WriteString(nc, "VERSION\t1\t1\n")
	}
	if err == nil {
		err = readGreeting(in)
	}
	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("greeting: %w", err)
	}
	return nc, in, nil
}

// readGreeting reads up to the SPID line.
func readGreeting(in *bufio.Reader) error {
	for {
		line, err := readLine(in)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("no answer within %v", connectTimeout)
		case err != nil:
			return err
		}
		switch f := strings.Split(line, "\t"); f[0] {
		case "VERSION":
			if len(f) < 2 || f[1] != "1" {
				return fmt.Errorf("unknown version of the protocol: %q", line)
			}
		case "SPID":
			return nil
		case "MECH", "CUID", "COOKIE":
			return errWrongSocket
		default:
			return fmt.Errorf("this does not look like Dovecot's auth-userdb socket: it says %.80q", line)
		}
	}
}

func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("a line is longer than %d bytes", maxLine)
	}
	if err != nil {
		return "", err
	}
	return string(line[:len(line)-1]), nil
}

// conn is a connection after its greeting, with the questions in flight.
type conn struct {
	nc     net.Conn
	socket os.FileInfo // the socket it was made to; nil when it could not be seen
	idle   time.Duration

	// writing keeps the lines of several askers apart. It is not mu: whoever
	// reads answers must go on while a line does not get through.
	writing sync.Mutex

	mu      sync.Mutex
	next    uint32
	waiting map[uint32]chan []string
	heard   time.Time // of the last line
	err     error     // set once the connection is dead
}

// ask sends one question and waits for its answer.
func (c *conn) ask(ctx context.Context, name, service string) ([]string, error) {
	asked := time.Now()
	answer := make(chan []string, 1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, errBroken
	}
	c.next++
	id := c.next
	c.waiting[id] = answer
	c.mu.Unlock()
	// The name goes out as it is: Dovecot does not unescape it here.
	if err := c.write(ctx, fmt.Sprintf("USER\t%d\t%s\tservice=%s\n", id, name, service)); err != nil {
		c.fail(err)
	}
	select {
	case f, ok := <-answer:
		if !ok {
			return nil, c.broken()
		}
		return f, nil
	case <-ctx.Done():
		c.giveUp(id, asked)
		return nil, context.Cause(ctx)
	}
}

// write sends a line, and has the connection last for a while from now. A Dovecot
// that does not read is found by the deadline.
func (c *conn) write(ctx context.Context, line string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	deadline, _ := ctx.Deadline()
	if err := errors.Join(c.nc.SetWriteDeadline(deadline), c.nc.SetReadDeadline(time.Now().Add(c.idle))); err != nil {
		return err
	}
	_, err := io.WriteString(c.nc, line)
	return err
}

// giveUp forgets a question. A connection on which nothing was heard since it
// was asked is taken for dead, so that the next question gets a new one.
func (c *conn) giveUp(id uint32, asked time.Time) {
	c.mu.Lock()
	delete(c.waiting, id)
	silent := c.heard.Before(asked) && time.Since(asked) > connectTimeout
	c.mu.Unlock()
	if silent {
		c.fail(errors.New("no answer from Dovecot"))
	}
}

// read hands answers to those who wait for them, until the connection ends.
func (c *conn) read(in *bufio.Reader) {
	for {
		line, err := readLine(in)
		if err != nil {
			c.fail(err)
			return
		}
		f := strings.Split(line, "\t")
		if len(f) < 2 {
			continue
		}
		id, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			continue
		}
		c.mu.Lock()
		c.heard = time.Now()
		answer := c.waiting[uint32(id)]
		delete(c.waiting, uint32(id))
		c.mu.Unlock()
		if answer != nil { // nil: nobody waits for it any more
			answer <- f
		}
	}
}

// fail ends the connection and tells all who wait.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.nc.Close()
	for id, answer := range c.waiting {
		close(answer)
		delete(c.waiting, id)
	}
}

func (c *conn) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Errorf("%w: %w", errBroken, c.err)
}

func (c *conn) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}
