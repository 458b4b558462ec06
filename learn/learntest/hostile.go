package learntest

import (
	"bytes"
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"dovetail/internal/peer/corpus"
	"dovetail/learn"
)

// hostile are servers that do no good, by what they do with a connection.
var hostile = map[string]func(c net.Conn){
	"closes at once":      func(net.Conn) {},
	"hangs":               func(c net.Conn) { _, _ = io.Copy(io.Discard, c); time.Sleep(time.Hour) },
	"does not read":       func(net.Conn) { time.Sleep(time.Hour) },
	"closes after a byte": func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) },
	"half an answer":      func(c net.Conn) { readSome(c); _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Len") },
	"half a body": func(c net.Conn) {
		readSome(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"suc")
	},
	"half a line":      func(c net.Conn) { readSome(c); _, _ = io.WriteString(c, "SPAMD/1.1 0 EX_OK\r\nDidSet: lo") },
	"garbage":          func(c net.Conn) { readSome(c); _, _ = c.Write(bytes.Repeat([]byte{0, 0xff, '\n', 'x'}, 1000)) },
	"another protocol": func(c net.Conn) { _, _ = io.WriteString(c, "220 mx.example.org ESMTP\r\n"); readSome(c) },
	"says nothing of it": func(c net.Conn) {
		readSome(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	},
	"one endless line": func(c net.Conn) { readSome(c); flood(c, "", "x") },
	"endless header":   func(c net.Conn) { readSome(c); flood(c, "HTTP/1.1 200 OK\r\n", "A: b\r\n") },
	"endless body":     func(c net.Conn) { readSome(c); flood(c, "HTTP/1.1 200 OK\r\n\r\n", "{\"success\":false,") },
	"endless spamd":    func(c net.Conn) { readSome(c); flood(c, "SPAMD/1.1 0 EX_OK\r\n", "Header: x\r\n") },
	"byte by byte": func(c net.Conn) {
		for {
			if _, err := c.Write([]byte("H")); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	},
}

func readSome(c net.Conn) { _, _ = c.Read(make([]byte, 1024)) }

func flood(c net.Conn, first, then string) {
	_, err := io.WriteString(c, first)
	for chunk := bytes.Repeat([]byte(then), 1000); err == nil; {
		_, err = c.Write(chunk)
	}
}

// Hostile wants that no server makes a back end wait beyond its deadline, takes its
// memory, or gets a lesson lost: all items have an error.
func Hostile(t *testing.T, connect func(network, address string) learn.Backend) {
	items := Lessons(t, 2)
	items[1] = Item(t, append(corpus.New(1).Ham(1), bytes.Repeat([]byte("more text than a socket takes unread\n"), 10_000)...), learn.Ham, learn.None)
	for name, serve := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() { defer c.Close(); serve(c) }()
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			s := suite{Subject: Subject{Backend: connect("unix", address)}}
			for i, r := range s.learn(t, ctx, "user1", items) {
				if r.Err == nil {
					t.Errorf("item %d: %+v", i, r)
				}
			}
			var mem runtime.MemStats
			if runtime.ReadMemStats(&mem); mem.HeapAlloc > 256<<20 {
				t.Errorf("%d MiB of memory in use", mem.HeapAlloc>>20)
			}
		})
	}
}
