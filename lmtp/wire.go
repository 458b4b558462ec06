package lmtp

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"time"
)

// errStopping ends the wait for a command when the server stops; errLineTooLong
// is a line beyond the limit, read to its end.
var (
	errStopping    = errors.New("the server stops")
	errLineTooLong = errors.New("line too long")
)

// Replies are collected up to flushAt bytes, and for flushAfter: with a slow user
// database the client shall see that its many recipients are being answered. More than
// keepOut bytes of memory for them are given back after writing.
const (
	flushAt    = 64 << 10
	flushAfter = 10 * time.Second
	keepOut    = 4 << 10
)

// wire is the connection of a session: lines and raw bytes in, replies out.
// Replies wait in out until the session has to wait for input itself, so that
// all replies to a group of pipelined commands leave in one write.
type wire struct {
	limits *Limits
	in     *bufio.Reader // reads from the wire itself
	out    []byte
	since  time.Time // when the first of out came

	mu       sync.Mutex
	conn     net.Conn
	timeout  time.Duration // of the next read
	idle     bool          // between two transactions: the session may be stopped here
	stopping bool
	until    time.Time // when stopping, the end of the grace
}

func newWire(conn net.Conn, limits *Limits) *wire {
	w := &wire{conn: conn, limits: limits}
	w.in = bufio.NewReaderSize(w, readBuffer)
	return w
}

// Read fills the buffer of in: the replies go out before the wait for more.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	if err := w.arm(); err != nil {
		return 0, err
	}
	n, err := w.conn.Read(p)
	if err != nil && w.stopped() {
		err = errStopping
	}
	return n, err
}

// arm sets the deadline of a read. A connection without deadlines (standard
// input that is a plain file) has none.
func (w *wire) arm() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping && w.idle {
		return errStopping
	}
	w.conn.SetReadDeadline(w.deadline(w.timeout))
	return nil
}

// deadline is timeout from now, but not after the grace. w.mu is held.
func (w *wire) deadline(timeout time.Duration) time.Time {
	t := time.Now().Add(timeout)
	if w.stopping && w.until.Before(t) {
		return w.until
	}
	return t
}

// stop wakes a session that waits for a command between two transactions, and
// gives all others until the end of grace.
func (w *wire) stop(grace time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping, w.until = true, time.Now().Add(grace)
	w.conn.SetDeadline(w.until)
	if w.idle {
		w.conn.SetReadDeadline(time.Now())
	}
}

// stopped tells whether the session has to end here because the server stops.
func (w *wire) stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopping && w.idle
}

// expect says what the next reads wait for.
func (w *wire) expect(timeout time.Duration, idle bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timeout, w.idle = timeout, idle
}

// command reads a command line, without its end. idle tells that no transaction
// is open. The line is valid until the next read.
func (w *wire) command(idle bool) ([]byte, error) {
	w.expect(w.limits.IdleTimeout, idle)
	if w.stopped() {
		return nil, errStopping
	}
	line, err := w.in.ReadSlice('\n')
	tooLong := len(line) > w.limits.Line
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = w.in.ReadSlice('\n')
	}
	if err != nil {
		return nil, err
	}
	if tooLong {
		return nil, errLineTooLong
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// buffered gives the bytes that are read already, at least one and at most limit
// of them; it reads when there are none. The caller may overwrite them and takes
// them off with in.Discard.
func (w *wire) buffered(limit int64) ([]byte, error) {
	if _, err := w.in.Peek(1); err != nil {
		return nil, err
	}
	return w.in.Peek(int(min(int64(w.in.Buffered()), limit)))
}

// flush writes the replies collected so far.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.mu.Lock()
	w.conn.SetWriteDeadline(w.deadline(w.limits.WriteTimeout))
	w.mu.Unlock()
	_, err := w.conn.Write(w.out)
	if w.out = w.out[:0]; cap(w.out) > keepOut {
		w.out = nil
	}
	return err
}

// replace goes on with another connection on top of the one so far (TLS). What
// was read of the old one and not used is dropped.
func (w *wire) replace(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	w.in.Reset(w)
}
