package maildir_test

import (
	"context"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

// Both sides count the same quota, in the same file.
func TestDovecotQuota(t *testing.T) {
	const rule = "*:storage=20"
	for version, start := range dovecots {
		t.Run(version, func(t *testing.T) {
			o := peer.DovecotOptions{Users: peer.OwnUIDs(1), Quota: rule + "k", Separator: "/"}
			d := &setup{start(t, o), o, maildir.Location{Root: "~/Maildir"}}
			s := beside(t, d, quota(t, "0", rule))
			c := peer.IMAP(t, d.IMAPAddr, user)
			raw := "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcd\r\n", 250) // 3.8 kB with LF
			size := message.Parse([]byte(raw)).Size()
			for i := range int64(5) {
				if i%2 == 0 {
					appendMail(t, c, "INBOX", raw, nil)
				} else {
					asUser(t, d, func() error {
						storetest.Deliver(t, s, message.Parse([]byte(raw)), mailstore.Delivery{Mailbox: "Spam", Create: true})
						return nil
					})
				}
				if got, want := usedKiB(t, c), ((i+1)*size+1023)/1024; got != want {
					t.Errorf("after %d messages of %d bytes Dovecot counts %d KiB, want %d", i+1, size, got, want)
				}
			}
			asUser(t, d, func() error {
				if err := s.CheckQuota(context.Background(), "INBOX", 2*size); err == nil {
					t.Error("we do not see that the quota is exceeded")
				}
				return nil
			})
			if err := peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{user}, raw+raw)[0]; err == nil {
				t.Error("Dovecot does not see that the quota is exceeded")
			}
		})
	}
}

func usedKiB(t *testing.T, c *imapclient.Client) int64 {
	t.Helper()
	roots, err := c.GetQuotaRoot("INBOX").Wait()
	if err != nil || len(roots) != 1 {
		t.Fatalf("quota: %v, %v", roots, err)
	}
	return roots[0].Resources[imap.QuotaResourceStorage].Usage
}
