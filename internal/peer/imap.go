package peer

import (
	"github.com/emersion/go-imap/v2/imapclient"
)

// IMAP logs a user in. The connection is closed at the end of the test.
func IMAP(t T, addr, user string) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(addr, nil)
	if err != nil {
		t.Fatalf("connecting to IMAP: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(user, Password).Wait(); err != nil {
		t.Fatalf("logging %s in: %v", user, err)
	}
	return c
}
