package lmtp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// null is a Deliverer that takes everything and keeps nothing.
type null struct{}

func (null) Accept(context.Context, *Transaction, Recipient) (any, error) { return nil, nil }
func (null) Deliver(_ context.Context, tx *Transaction) []error {
	return make([]error, len(tx.Recipients))
}

// BenchmarkSession sends messages over one connection. A message of 1 MiB should
// pass at more than 500 MB/s.
func BenchmarkSession(b *testing.B) {
	for _, kind := range []string{"pipe", "unix"} {
		for _, size := range []int{4 << 10, 1 << 20} {
			for _, rcpts := range []int{1, 100} {
				if size > 4<<10 && rcpts > 1 {
					continue
				}
				b.Run(fmt.Sprintf("%s/%dKiB/%drcpt", kind, size>>10, rcpts), func(b *testing.B) {
					benchSession(b, kind, size, rcpts)
				})
			}
		}
	}
}

func benchSession(b *testing.B, kind string, size, rcpts int) {
	conn := benchServer(b, kind)
	line := strings.Repeat("0123456789abcdef", 5)[:76] + "\r\n"
	message := []byte("Subject: benchmark\r\n\r\n" + strings.Repeat(line, size/len(line)) + ".\r\n")
	envelope := "MAIL FROM:<a@example.org>\r\n"
	for i := range rcpts {
		envelope += fmt.Sprintf("RCPT TO:<user%d@example.org>\r\n", i)
	}
	envelope += "DATA\r\n"
	in := bufio.NewReader(conn)
	expect := func(code string, lines int) {
		for range lines {
			if line, err := in.ReadSlice('\n'); err != nil || string(line[:3]) != code {
				b.Fatalf("server says %q, %v; want %s", line, err, code)
			}
		}
	}
	write := func(p []byte) {
		if _, err := conn.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	expect("220", 1)
	write([]byte(lhlo))
	expect("250", 7)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		write([]byte(envelope))
		expect("250", 1+rcpts)
		expect("354", 1)
		write(message)
		expect("250", rcpts)
	}
}

// benchServer starts a session and gives the client's end.
func benchServer(b *testing.B, kind string) net.Conn {
	config := testConfig(null{})
	config.Limits.SpoolDir = b.TempDir()
	srv := New(config)
	client, server := net.Pipe()
	if kind == "unix" {
		l, err := net.Listen("unix", filepath.Join(b.TempDir(), "lmtp"))
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		if client, err = net.Dial("unix", l.Addr().String()); err != nil {
			b.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { client.Close() })
	go srv.ServeConn(b.Context(), addrConn{server, tcpAddr(1)})
	return client
}

// BenchmarkDecode is the work on the bytes of a message alone.
func BenchmarkDecode(b *testing.B) {
	message := []byte(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 200))
	part := make([]byte, len(message))
	d := decoder{dots: true, write: func(p []byte) { io.Discard.Write(p) }}
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		copy(part, message)
		d.decode(part)
	}
}
