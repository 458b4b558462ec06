package lmtp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const lhlo = "LHLO c\r\n"

// say sends the lines and expects the answers, in the language of the dialogues.
func (d *dialogue) say(steps ...string) {
	d.t.Helper()
	for _, step := range steps {
		d.at = step
		d.step(step)
	}
	d.send()
}

// hello is the start of every session.
func (d *dialogue) hello() {
	d.t.Helper()
	d.say("S: 220 *", "C: LHLO c", "S: 250-mx*", "S: 250-8*", "S: 250-C*", "S: 250-DELIVERBY", "S: 250-E*", "S: 250-P*", "S: 250-SIZE", "S: 250 SMTPUTF8")
}

func tcpAddr(last byte) net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, last), Port: 2500} }

// All replies to a group of pipelined commands, and all recipients' replies,
// are one write each.
func TestRepliesLeaveTogether(t *testing.T) {
	synctest.Test(t, testRepliesLeaveTogether) // the machine may be slow
}

func testRepliesLeaveTogether(t *testing.T) {
	rec := newRecorder()
	client, server := net.Pipe()
	defer client.Close()
	go New(testConfig(rec)).ServeConn(t.Context(), server)

	// A read from a net.Pipe gets what one write gave.
	buf := make([]byte, 1<<20)
	read := func(lines int) {
		t.Helper()
		client.SetReadDeadline(time.Now().Add(patience))
		n, err := client.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(buf[:n], []byte("\r\n")); got != lines {
			t.Errorf("a write with %d replies, want %d", got, lines)
		}
	}
	write := func(s string) {
		t.Helper()
		if _, err := io.WriteString(client, s); err != nil {
			t.Fatal(err)
		}
	}
	read(1)
	var group strings.Builder
	group.WriteString(lhlo + "MAIL FROM:<a@b>\r\n")
	for i := range 200 {
		fmt.Fprintf(&group, "RCPT TO:<user%d@example.org>\r\n", i)
	}
	group.WriteString("DATA\r\n")
	write(group.String())
	read(8 + 1 + 200 + 1)
	write("Subject: x\r\n\r\nbody\r\n.\r\nMAIL FROM:<c@d>\r\n")
	read(200)
	read(1)
}

// slowUsers is a user database that takes its time for each recipient.
type slowUsers struct{ *recorder }

func (s slowUsers) Accept(ctx context.Context, tx *Transaction, rcpt Recipient) (any, error) {
	time.Sleep(4 * time.Second)
	return s.recorder.Accept(ctx, tx, rcpt)
}

// With a slow user database a client hears of its first recipients before it has
// waited for all.
func TestRepliesDoNotWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		config := testConfig(rec)
		config.Deliverer = slowUsers{rec}
		d := serveDialogue(t, New(config), rec, tcpAddr(1))
		d.hello()
		d.say("C: MAIL FROM:<a@b>", "S: 250 *")
		var group []string
		for i := range 20 {
			group = append(group, fmt.Sprintf("C: RCPT TO:<user%d@example.org>", i))
		}
		d.say(group...)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(d.lines) == 0 {
			t.Error("nothing heard after half a minute")
		}
		time.Sleep(time.Minute)
		for range 20 {
			d.say("S: 250 *")
		}
		d.say("C: QUIT", "S: 221 *", "E:")
	})
}

func TestSTARTTLS(t *testing.T) {
	rec := newRecorder()
	config := testConfig(rec)
	config.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	d := serveDialogue(t, New(config), rec, tcpAddr(1))
	d.say("S: 220 *", "C: LHLO c", "S: 250-mx*", "S: 250-8*", "S: 250-C*", "S: 250-DELIVERBY", "S: 250-E*", "S: 250-P*", "S: 250-SIZE", "S: 250-SMTPUTF8", "S: 250 STARTTLS",
		"C: STARTTLS x", "S: 501 *",
		"C: MAIL FROM:<a@b>", "S: 250 *", "C: STARTTLS", "S: 503 5.5.1 STARTTLS in a transaction", "C: RSET", "S: 250 *")

	// From here on the client reads by TLS. The command that an attacker put
	// behind STARTTLS must not be executed.
	plain, server := net.Pipe()
	ended := make(chan struct{})
	go func() {
		New(config).ServeConn(t.Context(), server)
		close(ended)
	}()
	tlsd := &dialogue{t: t, conn: plain, rec: rec, lines: make(chan string, 100), ended: ended}
	buf := make([]byte, 1000)
	if _, err := plain.Read(buf); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(plain, "STARTTLS\r\n"+lhlo+"MAIL FROM:<evil@x>\r\n"); err != nil {
		t.Fatal(err)
	}
	n, err := plain.Read(buf)
	if got := string(buf[:n]); err != nil || got != "220 2.0.0 Begin TLS negotiation now\r\n" {
		t.Fatalf("STARTTLS: %q, %v", got, err)
	}
	secure := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	tlsd.conn = secure
	go tlsd.read(secure)
	tlsd.say("C: MAIL FROM:<a@b>", "S: 503 5.5.1 LHLO needed first",
		"C: LHLO c", "S: 250-mx*", "S: 250-8*", "S: 250-C*", "S: 250-DELIVERBY", "S: 250-E*", "S: 250-P*", "S: 250-SIZE", "S: 250 SMTPUTF8",
		"C: STARTTLS", "S: 503 5.5.1 TLS is already active",
		"C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 354 *", "C: x", "C: .",
		`M: sid LMTPS c <a@b> -> <one@d> "x\n"`, "S: 250 *", "C: QUIT", "S: 221 *", "E:")
	<-ended
}

// A peer that speaks no TLS after STARTTLS loses its session, not the server.
func TestSTARTTLSFails(t *testing.T) {
	rec := newRecorder()
	config := testConfig(rec)
	config.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	d := serveDialogue(t, New(config), rec, tcpAddr(1))
	d.say("S: 220 *", "C: STARTTLS", "S: 220 *", "C: this is no TLS record")
	<-d.ended
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Clients that say nothing are told so and left; each wait has its own limit.
func TestTimeouts(t *testing.T) {
	message := []string{"C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 354 *", "C: x"}
	for _, tt := range []struct {
		name  string
		steps []string
		wait  time.Duration
	}{
		{"command", nil, 7 * time.Minute},
		{"command in a transaction", []string{"C: MAIL FROM:<a@b>", "S: 250 *"}, 7 * time.Minute},
		{"half a command", []string{`Q: "NOO"`}, 7 * time.Minute},
		{"message", message, 2 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := newRecorder()
				config := testConfig(rec)
				config.Limits.IdleTimeout, config.Limits.DataTimeout = 7*time.Minute, 2*time.Minute
				d := serveDialogue(t, New(config), rec, tcpAddr(1))
				d.hello()
				d.say(tt.steps...)
				time.Sleep(tt.wait - time.Second)
				synctest.Wait()
				if len(d.lines) > 0 {
					t.Fatalf("too early: %q", <-d.lines)
				}
				time.Sleep(2 * time.Second)
				d.say("S: 421 4.4.2 Disconnected for inactivity", "E:")
			})
		})
	}
}

// RFC 2852 section 4.1.3: what came too late to be delivered, and is to be
// returned then, is refused; what is only to be reported is delivered.
func TestDeliverBy(t *testing.T) {
	for by, answer := range map[string]string{
		"60;R": "S: 554 5.4.7 <one@d> Delivery time expired", "61;R": "S: 250 2.0.0 <one@d> *", "60;N": "S: 250 2.0.0 <one@d> *",
	} {
		synctest.Test(t, func(t *testing.T) {
			rec := newRecorder()
			d := serveDialogue(t, New(testConfig(rec)), rec, tcpAddr(1))
			d.hello()
			d.say("C: MAIL FROM:<a@b> BY="+by, "S: 250 *", "C: RCPT TO:<one@d>", "S: 250 *", "C: DATA", "S: 354 *")
			time.Sleep(time.Minute)
			d.say("C: x", "C: .")
			if strings.HasPrefix(answer, "S: 250") {
				d.say("M: *")
			}
			d.say(answer, "C: NOOP", "S: 250 *", "C: QUIT", "S: 221 *", "E:")
		})
	}
}

// A client that takes no replies does not hold its session for ever.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		ended := make(chan struct{})
		go func() {
			New(testConfig(newRecorder())).ServeConn(t.Context(), server)
			close(ended)
		}()
		<-ended // the greeting is never read
	})
}

// When the context ends, a waiting client hears 421 at once, a transaction under
// way is finished first, and Serve returns when all sessions are over.
func TestServeStops(t *testing.T) {
	rec := newRecorder()
	srv := New(testConfig(rec))
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "lmtp"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, l) }()

	dial := func() *dialogue {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		d := &dialogue{t: t, conn: conn, rec: rec, lines: make(chan string, 100), ended: make(chan struct{})}
		go d.read(conn)
		d.say("S: 220 *", "C: LHLO c", "S: 250-mx*", "S: 250-8*", "S: 250-C*", "S: 250-DELIVERBY", "S: 250-E*", "S: 250-P*", "S: 250-SIZE", "S: 250-SMTPUTF8", "S: 250 XCLIENT*")
		return d
	}
	idle, envelope, inData := dial(), dial(), dial()
	envelope.say("C: MAIL FROM:<a@b>", "S: 250 *")
	inData.say("C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 354 *", "C: x")
	cancel()
	idle.say("S: 421 4.3.2 mx.example.org is shutting down", "E:")
	waitFor(t, func() bool { // the end of a session and that of the listener come in any order
		conn, err := net.Dial("unix", l.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	envelope.say("C: RCPT TO:<two@d>", "S: 250 *", "C: DATA", "S: 354 *", "C: .", "M: * <two@d> *", "S: 250 *", "S: 421 4.3.2 *", "E:")
	select {
	case err := <-served:
		t.Fatalf("Serve is over while a message comes in: %v", err)
	default:
	}
	// What is pipelined behind the message is not begun.
	inData.say(`Q: ".\r\nMAIL FROM:<c@d>\r\n"`, `M: * <one@d> "x\n"`, "S: 250 *", "S: 421 4.3.2 *", "E:")
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// A client that keeps its transaction open does not hold up the end longer than the grace.
func TestGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		config := testConfig(rec)
		config.Limits.Grace = 10 * time.Second
		client, server := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		d := &dialogue{t: t, conn: client, rec: rec, lines: make(chan string, 100), ended: make(chan struct{})}
		go func() {
			New(config).ServeConn(ctx, server)
			close(d.ended)
		}()
		go d.read(client)
		d.hello()
		d.say("C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 354 *", "C: x")
		start := time.Now()
		cancel()
		<-d.ended
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("waited %s, want the grace", waited)
		}
		client.Close()
	})
}

// Deliver's context does not end with the server's.
func TestDeliveryOutlivesTheContext(t *testing.T) {
	rec := newRecorder()
	ctx, cancel := context.WithCancel(t.Context())
	slow := delivererFunc{rec, func(ctx context.Context, tx *Transaction) []error {
		cancel()
		if ctx.Err() != nil {
			t.Error("delivery was cancelled")
		}
		return rec.Deliver(ctx, tx)
	}}
	client, server := net.Pipe()
	d := &dialogue{t: t, conn: client, rec: rec, lines: make(chan string, 100), ended: make(chan struct{})}
	go func() {
		New(testConfig(slow)).ServeConn(ctx, server)
		close(d.ended)
	}()
	go d.read(client)
	d.hello()
	d.say("C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 354 *", "C: x", "C: .",
		`M: * "x\n"`, "S: 250 2.0.0 *", "S: 421 *", "E:")
}

// delivererFunc replaces Deliver of another Deliverer.
type delivererFunc struct {
	Deliverer
	deliver func(context.Context, *Transaction) []error
}

func (d delivererFunc) Deliver(ctx context.Context, tx *Transaction) []error {
	return d.deliver(ctx, tx)
}

// A Deliverer that forgets a recipient must not make the client believe that
// its message is stored.
func TestWrongNumberOfAnswers(t *testing.T) {
	rec := newRecorder()
	wrong := delivererFunc{rec, func(context.Context, *Transaction) []error { return []error{nil} }}
	d := serveDialogue(t, New(testConfig(wrong)), rec, tcpAddr(1))
	d.hello()
	d.say("C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: RCPT TO:<two@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 250 *", "S: 354 *", "C: .",
		"S: 451 4.3.0 <one@d> Temporary internal error", "S: 451 4.3.0 <two@d> Temporary internal error")
}

// Sessions beyond the limit wait for their greeting.
func TestSessionsWait(t *testing.T) {
	config := testConfig(newRecorder())
	config.Limits.Sessions = 1
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- New(config).Serve(ctx, l) }()
	greeted := make(chan int, 2)
	var conns [2]net.Conn
	for i := range conns {
		if conns[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		go func() {
			if _, err := conns[i].Read(make([]byte, 100)); err == nil {
				greeted <- i
			}
		}()
		if i == 0 {
			<-greeted
		}
	}
	conns[0].Close()
	if i := <-greeted; i != 1 {
		t.Errorf("session %d is greeted, want 1", i)
	}
	conns[1].Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// Serve goes on after an accept that failed, and ends when its listener is closed by others.
func TestServeAfterFailedAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failingListener{errs: []error{errors.New("too many open files"), net.ErrClosed}}
		if err := New(testConfig(newRecorder())).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
		if len(l.errs) != 0 {
			t.Errorf("%d accepts are left", len(l.errs))
		}
	})
}

type failingListener struct{ errs []error }

func (l *failingListener) Accept() (net.Conn, error) {
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}
func (l *failingListener) Close() error   { return nil }
func (l *failingListener) Addr() net.Addr { return tcpAddr(1) }

// A session keeps the configuration that it began with.
func TestConfigure(t *testing.T) {
	rec := newRecorder()
	config := testConfig(rec)
	srv := New(config)
	before := serveDialogue(t, srv, rec, tcpAddr(1))
	before.hello()
	config.Hostname = "other.example.org"
	config.Limits.Recipients = 1
	srv.Configure(config)
	before.say("C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: RCPT TO:<two@d>", "S: 250 *", "S: 250 *", "S: 250 *", "C: LHLO x", "S: 250-mx.example.org")
	after := serveDialogue(t, srv, rec, tcpAddr(1))
	after.say("S: 220 other.example.org dovetail ready", "C: LHLO c", "S: 250-other*", "S: 250-8*", "S: 250-C*", "S: 250-DELIVERBY", "S: 250-E*", "S: 250-P*", "S: 250-SIZE", "S: 250 SMTPUTF8",
		"C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: RCPT TO:<two@d>", "S: 250 *", "S: 250 *", "S: 452 *")
}

// What a transaction claimed is free again after its end, whatever the end was.
func TestTransactionContextEnds(t *testing.T) {
	envelope := []string{"C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: RCPT TO:<one@d>", "C: RCPT TO:<two@d>", "S: 250 *", "S: 250 *", "S: 250 *", "S: 250 *"}
	for name, end := range map[string][]string{
		"delivered":  {"C: DATA", "S: 354 *", "C: .", "M: *", "S: 250 *", "S: 250 *", "S: 250 *"},
		"reset":      {"C: RSET", "S: 250 *"},
		"lhlo":       {"C: LHLO x", "S: 250-*"},
		"quit":       {"C: QUIT", "S: 221 *"},
		"disconnect": {"C: DATA", "S: 354 *", "C: x", "X:"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := newRecorder()
				d := serveDialogue(t, New(testConfig(rec)), rec, tcpAddr(1))
				d.hello()
				d.say(envelope...)
				synctest.Wait()
				if rec.held != 2 {
					t.Errorf("%d recipients are held in the transaction, want 2", rec.held)
				}
				d.say(end...)
				synctest.Wait()
				if rec.held != 0 {
					t.Errorf("%d recipients are held after the transaction", rec.held)
				}
			})
		})
	}
}

// A spool file that cannot be written puts off all recipients; the message is
// read to its end and the session goes on.
func TestSpoolFails(t *testing.T) {
	rec := newRecorder()
	config := testConfig(rec)
	config.Limits.SpoolMemory, config.Limits.LargeSpools = 1000, -1
	config.Limits.SpoolDir = filepath.Join(t.TempDir(), "missing")
	d := serveDialogue(t, New(config), rec, tcpAddr(1))
	d.hello()
	start := []string{"C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: RCPT TO:<two@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 250 *", "S: 354 *"}
	d.say(start...)
	d.say("C: "+strings.Repeat("x", 900), "C: "+strings.Repeat("y", 100<<10), "C: RSET", "C: .",
		"S: 451 4.3.0 <one@d> Temporary internal error", "S: 451 4.3.0 <two@d> Temporary internal error")
	d.say(start...)
	d.say("C: small", "C: .", `M: sid:T2 * "small\n"`, "S: 250 *", "S: 250 *")
}

// Big messages come out as they went in, through the spool file, and leave no
// file behind; a line may be as long as it likes.
func TestBigMessages(t *testing.T) {
	dir := t.TempDir()
	rec := newRecorder()
	var got []byte
	take := delivererFunc{rec, func(_ context.Context, tx *Transaction) []error {
		var err error
		if got, err = io.ReadAll(tx.Message.Open()); err != nil {
			t.Error(err)
		}
		return make([]error, len(tx.Recipients))
	}}
	config := testConfig(take)
	config.Limits.SpoolMemory, config.Limits.LargeSpools, config.Limits.SpoolDir = 64<<10, -1, dir
	d := serveDialogue(t, New(config), rec, tcpAddr(1))
	d.hello()
	long := strings.Repeat("long line ", 100<<10)
	for name, body := range map[string]string{
		"long line":  long,
		"many lines": strings.Repeat("a line of text, as it is in a mail, not too short\r\n", 30000),
		"bytes":      strings.Repeat("\x00\x80\xff\x01\n\r.", 100<<10),
		"dots":       strings.Repeat("..\r\n", 100<<10),
	} {
		d.say("C: MAIL FROM:<a@b>", "C: RCPT TO:<one@d>", "C: DATA", "S: 250 *", "S: 250 *", "S: 354 *")
		go func() {
			if _, err := io.WriteString(d.conn, body+"\r\n.\r\n"); err != nil {
				t.Error(err)
			}
		}()
		d.say("S: 250 2.0.0 *")
		want := strings.ReplaceAll(body, "\r\n", "\n") + "\n"
		if name == "dots" {
			want = strings.ReplaceAll(want, "..", ".")
		}
		if string(got) != want {
			t.Errorf("%s: %d bytes came out, %d went in, or they differ", name, len(got), len(want))
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left in the spool folder: %v, %v", files, err)
	}
}
