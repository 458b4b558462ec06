package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/expire/query"
	"dovetail/internal/imapurl"
)

// Account is the mail of a user on an IMAP server. It is for one caller at a time.
type Account struct {
	url       *imapurl.URL
	client    *imapclient.Client
	conn      *conn
	separator string // of the parts of names, known from a list
	atOnce    int    // most messages that one command is about
}

// ErrLost says that the connection to the server is lost.
var ErrLost = errors.New("the connection to the server is lost")

// Open logs in. The account is closed when ctx ends.
func Open(ctx context.Context, u *imapurl.URL, password string) (*Account, error) {
	a := &Account{url: u, atOnce: maxAtOnce}
	var err error
	a.client, err = u.DialOver(ctx, password, func(c net.Conn) net.Conn {
		a.conn = &conn{Conn: c}
		return a.conn
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Close logs out. After an error of the connection it is for the connection alone.
func (a *Account) Close() error {
	err := a.client.Logout().Wait()
	return errors.Join(err, a.client.Close())
}

// Mailboxes gives the mailboxes in which a query may match something, and those that it
// names and that are not there. Where the URL names a folder it is that one alone.
func (a *Account) Mailboxes(q *query.Query) (there, missing []string, err error) {
	listed, err := a.client.List("", "*", nil).Collect()
	if err != nil {
		return nil, nil, a.failed("listing the mailboxes", err)
	}
	var all []string
	for _, l := range listed {
		if l.Delim != 0 {
			a.separator = string(l.Delim)
		}
		if !slices.Contains(l.Attrs, imap.MailboxAttrNoSelect) && !slices.Contains(l.Attrs, imap.MailboxAttrNonExistent) {
			all = append(all, l.Mailbox)
		}
	}
	slices.Sort(all)
	if !a.url.Whole {
		if !slices.Contains(all, a.url.Folder) {
			return nil, []string{a.url.Folder}, nil
		}
		all = []string{a.url.Folder}
		there, _ = q.Mailboxes(all, a.separator)
		return there, nil, nil
	}
	there, missing = q.Mailboxes(all, a.separator)
	return there, missing, nil
}

// failed tells what was attempted, and whether the connection is lost.
func (a *Account) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	var answer *imap.Error
	if !errors.As(err, &answer) { // the client gives up on anything else
		err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// has tells whether the server can do something.
func (a *Account) has(c imap.Cap) bool { return a.client.Caps().Has(c) }
