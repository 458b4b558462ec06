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
			t.Parallel()
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

// Where the quota is Dovecot's alone, it counts right what we leave, in a session that
// was open all the while and in a new one.
func TestDovecotAlone(t *testing.T) {
	for version, start := range dovecots {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			o := peer.DovecotOptions{Users: peer.OwnUIDs(1), Quota: "*:storage=1000k", Separator: "/"}
			d := &setup{start(t, o), o, maildir.Location{Root: "~/Maildir"}}
			s := beside(t, d, nil)
			c := peer.IMAP(t, d.IMAPAddr, user)
			raw := "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcd\r\n", 250)
			size := message.Parse([]byte(raw)).Size()
			check := func(what string, n int64) {
				t.Helper()
				for which, c := range map[string]*imapclient.Client{"open": c, "new": peer.IMAP(t, d.IMAPAddr, user)} {
					if got, want := usedKiB(t, c), (n*size+1023)/1024; got != want {
						t.Errorf("%s, in the %s session Dovecot counts %d KiB, want %d", what, which, got, want)
					}
				}
			}
			for range 5 {
				appendMail(t, c, "INBOX", raw, nil)
			}
			check("before", 5)
			asUser(t, d, func() error {
				return s.Remove(t.Context(), "INBOX", chosen(t, s, "INBOX")[:3], func(int) {})
			})
			check("after the removal", 2)
			appendMail(t, c, "INBOX", raw, nil)
			check("after an append", 3)
		})
	}
}
