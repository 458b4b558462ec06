// Package imapurl reaches a folder of any IMAP server by its URL.
//
//	imaps://USER@HOST[:PORT]/FOLDER    TLS, port 993
//	imap://USER@HOST[:PORT]/FOLDER     STARTTLS, port 143
//
// That is RFC 5092, of which user, host, port and mailbox are taken; without a mailbox
// it is INBOX. Only to this machine itself imap:// goes without TLS. A password in
// the URL is refused: on a command line everybody can read it.
package imapurl

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/emersion/go-imap/v2/imapclient"
)

// PasswordVariable is the environment variable that may hold the password.
const PasswordVariable = "DOVETAIL_IMAP_PASSWORD"

// URL is a folder of an IMAP server.
type URL struct {
	User, Host, Folder string
	// Whole says that the URL names no folder: Folder is INBOX then.
	Whole bool

	port  string
	tls   bool
	trust *tls.Config // nil: the machine's
	dial  string      // address to connect to; "": that of Host
}

// Is tells whether s is meant for Parse.
func Is(s string) bool { return strings.HasPrefix(s, "imap://") || strings.HasPrefix(s, "imaps://") }

// Parse reads a URL.
func Parse(s string) (*URL, error) {
	p, err := url.Parse(s)
	if err != nil {
		return nil, err // it names the URL
	}
	_, password := p.User.Password()
	switch {
	case p.Scheme != "imap" && p.Scheme != "imaps" || p.Hostname() == "" || p.User.Username() == "":
		err = errors.New("expected imap://USER@HOST/FOLDER or imaps://USER@HOST/FOLDER")
	case password:
		return nil, fmt.Errorf("%s: a password does not belong on a command line: put it into a file or into %s", p.Redacted(), PasswordVariable)
	case p.RawQuery != "" || p.Fragment != "":
		err = errors.New("nothing but user, host, port and folder is of use here")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	u := &URL{User: p.User.Username(), Host: p.Hostname(), Folder: strings.TrimPrefix(p.Path, "/"), port: p.Port(), tls: p.Scheme == "imaps"}
	u.Whole = u.Folder == ""
	if u.Whole || strings.EqualFold(u.Folder, "INBOX") { // the one name without a case of letters
		u.Folder = "INBOX"
	}
	if u.port == "" {
		u.port = map[bool]string{true: "993", false: "143"}[u.tls]
	}
	return u, nil
}

// String is the URL without the user.
func (u *URL) String() string { return net.JoinHostPort(u.Host, u.port) + "/" + u.Folder }

// Dial logs in. The client is closed when ctx ends.
func (u *URL) Dial(ctx context.Context, password string) (*imapclient.Client, error) {
	return u.DialOver(ctx, password, func(conn net.Conn) net.Conn { return conn })
}

// DialOver is Dial with a connection that wrap makes of the one to the server, inside
// of TLS.
func (u *URL) DialOver(ctx context.Context, password string, wrap func(net.Conn) net.Conn) (*imapclient.Client, error) {
	conn, err := u.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", u.Host, err)
	}
	c := imapclient.New(wrap(conn), nil)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	if err := c.Login(u.User, password).Wait(); err != nil {
		stop()
		c.Close()
		return nil, fmt.Errorf("logging in at %s as %s: %w", u.Host, u.User, err)
	}
	return c, nil
}

// Password gives the password: of the first line of the file, or, when file is empty,
// of PasswordVariable.
func Password(file string) (string, error) {
	if file == "" {
		if password := os.Getenv(PasswordVariable); password != "" {
			return password, nil
		}
		return "", fmt.Errorf("no password: give a file that holds it, or set %s", PasswordVariable)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
