package dovecot

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fake is a server of the protocol that does what a test tells it.
type fake struct {
	t        *testing.T
	socket   string
	listener net.Listener
	greeting string
	// answer gives the lines for one line of the client, "" to close.
	answer func(f []string) string
	closed func() // called when a client has closed a connection; may be nil

	mu    sync.Mutex
	dying int // connections that are closed without a word
	conns []net.Conn
	asked []string
}

const greeting23 = "VERSION\t1\t1\nSPID\t4711\n"

func startFake(t *testing.T, greeting string, answer func(f []string) string) *fake {
	t.Helper()
	s := &fake{t: t, socket: filepath.Join(t.TempDir(), "auth-userdb"), greeting: greeting, answer: answer}
	s.listen()
	t.Cleanup(s.stop)
	return s
}

func (s *fake) listen() {
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		s.t.Fatal(err)
	}
	s.listener = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			go s.serve(c)
		}
	}()
}

// stop ends the listener and all connections.
func (s *fake) stop() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func (s *fake) serve(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	s.dying--
	dying := s.dying >= 0
	s.mu.Unlock()
	if dying {
		return
	}
	fmt.Fprint(c, s.greeting)
	in := bufio.NewScanner(c)
	for in.Scan() {
		f := strings.Split(in.Text(), "\t")
		if f[0] == "VERSION" {
			continue
		}
		s.mu.Lock()
		s.asked = append(s.asked, in.Text())
		s.mu.Unlock()
		reply := s.answer(f)
		if reply == "" {
			return
		}
		if reply != "silence" {
			fmt.Fprint(c, reply)
		}
	}
	if s.closed != nil {
		s.closed()
	}
}

// questions gives the lines of clients up to now.
func (s *fake) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *fake) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *fake) driver(t *testing.T) *Driver {
	t.Helper()
	d := New(Options{Socket: s.socket})
	t.Cleanup(func() { d.Close() })
	return d
}

// users answers from a table of user lines by name.
func users(table map[string]string) func(f []string) string {
	return func(f []string) string {
		switch f[0] {
		case "USER":
			if fields, ok := table[f[2]]; ok {
				return fmt.Sprintf("USER\t%s\t%s\n", f[1], fields)
			}
			return fmt.Sprintf("NOTFOUND\t%s\n", f[1])
		case "LIST":
			var b strings.Builder
			for name := range table {
				fmt.Fprintf(&b, "LIST\t%s\t%s\n", f[1], name)
			}
			return b.String() + "DONE\t" + f[1] + "\t\n"
		}
		return ""
	}
}
