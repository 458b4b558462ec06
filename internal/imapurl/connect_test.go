package imapurl

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// certificate gives one for example.com, and who trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots}
}

// Both ways into TLS lead to a login; a wrong certificate and a wrong password do not.
func TestDialTLS(t *testing.T) {
	server, client := certificate(t)
	user := imapmemserver.NewUser("anna", "secret")
	mem := imapmemserver.New()
	mem.AddUser(user)
	for _, direct := range []bool{true, false} {
		s := imapserver.New(&imapserver.Options{
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return mem.NewSession(), nil, nil
			},
			Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, TLSConfig: server,
		})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if direct {
			l = tls.NewListener(l, server)
		}
		go func() { _ = s.Serve(l) }() // it ends with Close
		defer s.Close()
		u := &URL{User: "anna", Host: "example.com", tls: direct, trust: client}
		if err := dialAt(t, u, l.Addr().String(), "secret"); err != nil {
			t.Errorf("direct %v: %v", direct, err)
		}
		if err := dialAt(t, u, l.Addr().String(), "wrong"); err == nil || !strings.Contains(err.Error(), "as anna") {
			t.Errorf("direct %v: wrong password: %v", direct, err)
		}
		u.trust = nil
		if err := dialAt(t, u, l.Addr().String(), "secret"); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("direct %v: unknown certificate: %v", direct, err)
		}
	}
}

// dialAt logs in at an address that goes by the URL's name.
func dialAt(t *testing.T, u *URL, addr, password string) error {
	t.Helper()
	u.dial = addr
	c, err := u.Dial(t.Context(), password)
	if err != nil {
		return err
	}
	if _, err := c.Capability().Wait(); err != nil {
		t.Error(err)
	}
	return c.Close()
}

// A server that refuses TLS, or says more before it, gets no password.
func TestNoTLS(t *testing.T) {
	for name, answers := range map[string][]string{
		"refused":      {"* OK hi\r\n", "s NO never\r\n"},
		"logged in":    {"* PREAUTH hi\r\n", ""},
		"more":         {"* OK hi\r\n", "s OK go\r\n* OK more\r\n"},
		"closed":       {"* OK hi\r\n", ""},
		"endless line": {"* OK " + strings.Repeat("x", 1<<17), ""},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		said := make(chan string, 1)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, answers[0])
			lines := bufio.NewScanner(conn)
			lines.Scan()
			text := lines.Text()
			fmt.Fprint(conn, answers[1])
			if answers[1] != "" && lines.Scan() {
				text += lines.Text()
			}
			said <- text
		}()
		err = dialAt(t, &URL{User: "anna", Host: "example.com"}, l.Addr().String(), "secret")
		if text := <-said; err == nil || strings.Contains(text, "secret") || strings.Contains(text, "LOGIN") {
			t.Errorf("%s: %v, the client said %q", name, err, text)
		}
	}
}
