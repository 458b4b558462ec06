package imapurl

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// timeout is for the connection, with TLS. The client has its own for answers.
const timeout = 30 * time.Second

// connect gives a connection on which the server's greeting comes next.
func (u *URL) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addr := u.dial
	if addr == "" {
		addr = net.JoinHostPort(u.Host, u.port)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	secured := conn
	switch ip := net.ParseIP(u.Host); {
	case u.tls:
		secured, err = u.handshake(ctx, conn)
	case u.Host == "localhost" || ip != nil && ip.IsLoopback():
	default:
		secured, err = u.startTLS(ctx, conn)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

func (u *URL) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := &tls.Config{}
	if u.trust != nil {
		config = u.trust.Clone()
	}
	config.ServerName, config.NextProtos = u.Host, []string{"imap"}
	secured := tls.Client(conn, config)
	return secured, secured.HandshakeContext(ctx)
}

// maxLine bounds the lines that a server may send before TLS.
const maxLine = 8 << 10

// startTLS does what comes before the client's time (RFC 9051 section 6.2.1): the client
// is to see an encrypted connection alone.
func (u *URL) startTLS(ctx context.Context, conn net.Conn) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	lines := bufio.NewReaderSize(conn, maxLine)
	err := readUntil(lines, "* ", "* OK")
	if err == nil {
		_, err = io.WriteString(conn, "s STARTTLS\r\n")
	}
	if err == nil {
		err = readUntil(lines, "s ", "s OK")
	}
	if err == nil && lines.Buffered() > 0 {
		err = fmt.Errorf("the server goes on without TLS")
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("STARTTLS: %w", err)
	}
	stop()
	secured, err := u.handshake(ctx, conn)
	if err != nil {
		return nil, err
	}
	return &greeted{Conn: secured, greeting: strings.NewReader("* OK ready\r\n")}, nil
}

// readUntil reads up to the line with a beginning, which must have the other one too.
func readUntil(r *bufio.Reader, begin, want string) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.ToUpper(string(line))
		switch {
		case !strings.HasPrefix(text, strings.ToUpper(begin)):
		case strings.HasPrefix(text, strings.ToUpper(want)):
			return nil
		default:
			return fmt.Errorf("the server said %q", strings.TrimSpace(string(line)))
		}
	}
}

// greeted gives a greeting before all else: the server's own came before TLS.
type greeted struct {
	net.Conn
	greeting *strings.Reader
}

func (g *greeted) Read(b []byte) (int, error) {
	if g.greeting.Len() > 0 {
		return g.greeting.Read(b)
	}
	return g.Conn.Read(b)
}
