package lmtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dovetail/internal/mailerr"
)

// The dialogues in testdata/*.txt are conversations with a server, line by line:
//
//	# a comment
//	O: key=value …   options, first: size, recipients, line, faults, memory; addr (of the client)
//	C: text          the client sends a line; lines that follow each other leave in one write
//	Q: "text\r\n"    the client sends a Go string, nothing added
//	S: text          the server answers with this line; * stands for anything
//	M: text          this transaction was delivered (see recorder)
//	X:               the client closes the connection
//	E:               the server closes the connection and has said nothing else
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			d := startDialogue(t, lines)
			for i, line := range lines {
				d.at = fmt.Sprintf("%s:%d", file, i+1)
				d.step(line)
			}
			d.send()
			d.conn.Close()
			select {
			case got := <-d.rec.done:
				t.Errorf("delivered at the end: %s", got)
			case <-d.ended:
			}
		})
	}
}

type dialogue struct {
	t     *testing.T
	at    string
	conn  net.Conn
	rec   *recorder
	out   strings.Builder
	lines chan string
	ended chan struct{}
}

// startDialogue starts a session with the options of the first O: line.
func startDialogue(t *testing.T, lines []string) *dialogue {
	rec := newRecorder()
	config := testConfig(rec)
	addr := net.Addr(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2500})
	for _, line := range lines {
		options, ok := strings.CutPrefix(line, "O: ")
		if !ok {
			continue
		}
		for option := range strings.FieldsSeq(options) {
			key, value, _ := strings.Cut(option, "=")
			n, _ := strconv.Atoi(value)
			switch key {
			case "size":
				config.Limits.MessageSize = int64(n)
			case "recipients":
				config.Limits.Recipients = n
			case "line":
				config.Limits.Line = n
			case "faults":
				config.Limits.Faults = n
			case "memory":
				config.Limits.SpoolMemory, config.Limits.LargeSpools = n, -1
			case "spooldir":
				config.Limits.SpoolDir = value
			case "addr":
				addr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(value))
				if value == "unix" {
					addr = &net.UnixAddr{Net: "unix"}
				}
			default:
				t.Fatalf("unknown option %q", key)
			}
		}
	}
	return serveDialogue(t, New(config), rec, addr)
}

// serveDialogue starts a session of srv with a client that seems to be at addr.
func serveDialogue(t *testing.T, srv *Server, rec *recorder, addr net.Addr) *dialogue {
	client, server := net.Pipe()
	d := &dialogue{t: t, conn: client, rec: rec, lines: make(chan string, 1000), ended: make(chan struct{})}
	go func() {
		srv.ServeConn(t.Context(), addrConn{server, addr})
		close(d.ended)
	}()
	go d.read(client)
	t.Cleanup(func() {
		client.Close()
		<-d.ended
	})
	return d
}

func (d *dialogue) read(r io.Reader) {
	defer close(d.lines)
	for in := bufio.NewReader(r); ; {
		line, err := in.ReadString('\n')
		if line != "" {
			d.lines <- line
		}
		if err != nil {
			return
		}
	}
}

const patience = 2 * time.Minute // of tests that hang

func (d *dialogue) step(line string) {
	kind, text, ok := strings.Cut(line, ":")
	text = strings.TrimPrefix(text, " ")
	if kind != "C" && kind != "Q" {
		d.send()
	}
	switch {
	case line == "" || line[0] == '#' || kind == "O":
	case kind == "C":
		d.out.WriteString(text + "\r\n")
	case kind == "Q":
		raw, err := strconv.Unquote(text)
		if err != nil {
			d.t.Fatalf("%s: %v", d.at, err)
		}
		d.out.WriteString(raw)
	case kind == "S":
		d.expect("server says", d.lines, text+"\r\n")
	case kind == "M":
		d.expect("delivered", d.rec.done, text)
	case kind == "E":
		if got, more := <-d.lines; more {
			d.t.Fatalf("%s: server says %q instead of closing", d.at, got)
		}
	case kind == "X":
		d.conn.Close()
		<-d.ended
	default:
		d.t.Fatalf("%s: cannot read %q (%v)", d.at, line, ok)
	}
}

// send writes what the client has said since the last time.
func (d *dialogue) send() {
	if d.out.Len() == 0 {
		return
	}
	d.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(d.conn, d.out.String()); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		d.t.Fatalf("%s: sending: %v", d.at, err)
	}
	d.out.Reset()
}

func (d *dialogue) expect(what string, from <-chan string, want string) {
	d.t.Helper()
	select {
	case got := <-from:
		if !like(want, got) {
			d.t.Fatalf("%s: %s\n  %q, want\n  %q", d.at, what, got, want)
		}
	case <-time.After(patience):
		d.t.Fatalf("%s: %s nothing, want %q", d.at, what, want)
	}
}

// like matches s with a pattern in which * stands for anything.
func like(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		var found bool
		_, s, found = strings.Cut(s, part)
		ok = ok && found
	}
	return ok && strings.HasSuffix(s, parts[last])
}

// addrConn is a connection whose peer seems to be at addr.
type addrConn struct {
	net.Conn
	addr net.Addr
}

func (c addrConn) RemoteAddr() net.Addr { return c.addr }

func testConfig(d Deliverer) Config {
	return Config{
		Hostname:  "mx.example.org",
		Deliverer: d,
		Log:       slog.New(slog.DiscardHandler),
		Trusted:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		NewID:     func() string { return "sid" },
	}
}

// recorder is a Deliverer whose answers depend on the address: nobody@ does not
// exist, lookup@ fails at RCPT, full@, reject@ and fails@ fail at delivery, and
// panic@ panics there. What it delivers it writes to done as
//
//	ID PROTOCOL HELO ADDR FROM [parameters] -> RECIPIENT [ORIGINAL] … "message"
type recorder struct {
	done chan string

	mu   sync.Mutex
	held int // accepted recipients whose transaction has not ended
}

func newRecorder() *recorder { return &recorder{done: make(chan string, 100)} }

func (r *recorder) Accept(ctx context.Context, tx *Transaction, rcpt Recipient) (any, error) {
	if rcpt.Address == "" || strings.HasPrefix(rcpt.Address, "nobody@") {
		return nil, mailerr.NoUser(rcpt.Address)
	}
	if strings.HasPrefix(rcpt.Address, "lookup@") {
		return nil, errors.New("userdb: /var/run/secret is gone")
	}
	r.hold(1)
	context.AfterFunc(ctx, func() { r.hold(-1) })
	return "box of " + rcpt.Address, nil
}

func (r *recorder) hold(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held += n
}

func (r *recorder) Deliver(ctx context.Context, tx *Transaction) []error {
	body, err := io.ReadAll(tx.Message.Open())
	if err != nil {
		panic(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s ", tx.ID, tx.Protocol, tx.Client.Helo)
	if tx.Client.Addr.IsValid() {
		fmt.Fprintf(&b, "%s ", tx.Client.Addr)
	}
	fmt.Fprintf(&b, "<%s>", tx.From)
	for _, p := range []string{tx.Body, tx.Auth, tx.Ret, tx.EnvID, tx.Client.Name, tx.Client.Login} {
		if p != "" {
			b.WriteString(" " + p)
		}
	}
	b.WriteString(" ->")
	errs := make([]error, len(tx.Recipients))
	for i, rcpt := range tx.Recipients {
		fmt.Fprintf(&b, " <%s>", rcpt.Address)
		if rcpt.OrigTo != "" {
			fmt.Fprintf(&b, " (%s %s)", rcpt.OrigTo, rcpt.Notify)
		}
		if rcpt.Accepted != "box of "+rcpt.Address {
			panic(fmt.Sprintf("accepted as %v", rcpt.Accepted))
		}
		errs[i] = failure(rcpt.Address)
	}
	fmt.Fprintf(&b, " %q", body)
	r.done <- b.String()
	return errs
}

// failure is what the recorder's delivery says of an address.
func failure(address string) error {
	switch local, _, _ := strings.Cut(address, "@"); local {
	case "full":
		return mailerr.QuotaFull(address, false)
	case "reject":
		e := mailerr.Perm(nil, "No thanks.\r\nNot today\x01, "+strings.Repeat("really ", 80)+"not.")
		e.Code, e.Status = 552, [3]int{5, 2, 0}
		return fmt.Errorf("sieve: %w", e)
	case "fails":
		return errors.New("disk /dev/sda1 is on fire")
	case "wrong":
		return &mailerr.Error{Code: 250, Status: [3]int{2, 0, 0}, Public: "fine"}
	case "panic":
		panic("in delivery")
	}
	return nil
}
