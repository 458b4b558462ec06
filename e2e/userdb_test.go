package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"dovetail/internal/peer"
)

// Users are asked of Dovecot. While it is stopped mail waits: the answer is 451,
// never 550, and Exim keeps the message; when Dovecot is back the mail arrives
// without anything done to dovetail.
func TestDovecotStops(t *testing.T) {
	for version, start := range map[string]func(peer.T, peer.DovecotOptions) *peer.Dovecot{
		"2.3": peer.StartDovecot, "2.4": peer.StartDovecot24,
	} {
		t.Run(version, func(t *testing.T) {
			users := peer.OwnUIDs(2)
			d := start(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation})
			s := withDovecot(t, d, users, siteLocation)
			s.userdb = fmt.Sprintf("driver = \"dovecot\"\nsocket = %q\n", d.AuthUserdb)
			s.start()
			e := peer.StartExim(t, peer.EximOptions{LMTPSocket: s.socket})
			if err := s.deliver("user1+detail", letter); err != nil {
				t.Errorf("answer %v", err)
			}
			refusal(t, s.deliver("nobody", letter), 550, "5.1.1")

			d.Halt()
			refusal(t, s.deliver("user1", letter), 451, "4.3.0")
			refusal(t, s.deliver("nobody", letter), 451, "4.3.0")
			e.Send("a@example.net", []string{"user2@example.org", "nobody@example.org"}, letter)
			s.eventually("Exim to defer", func() bool {
				return strings.Contains(outcome(e.MainLog(), "user2"), "==")
			})

			d.Start()
			if err := s.deliver("user1", letter); err != nil {
				t.Errorf("answer %v when Dovecot is back", err)
			}
			refusal(t, s.deliver("nobody", letter), 550, "5.1.1")
			e.RunQueue()
			e.WaitQueueEmpty(patience)
			s.count("user1", "INBOX", 2)
			s.count("user2", "INBOX", 1)
			c := peer.IMAP(t, d.IMAPAddr, "user2")
			if n := len(fetch(t, c, "INBOX")); n != 1 {
				t.Errorf("IMAP shows %d messages", n)
			}
			if out := e.Outside(); len(out) != 1 || !strings.Contains(out[0], "nobody@example.org") || strings.Contains(out[0], "user2@") {
				t.Errorf("bounces: %q", out)
			}
		})
	}
}

// refusal checks the code of an answer.
func refusal(t *testing.T, err error, code int, enhanced string) {
	t.Helper()
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		t.Errorf("answer %v, want %d %s", err, code, enhanced)
		return
	}
	got := fmt.Sprintf("%d.%d.%d", reply.EnhancedCode[0], reply.EnhancedCode[1], reply.EnhancedCode[2])
	if reply.Code != code || got != enhanced {
		t.Errorf("answer %d %s %q, want %d %s", reply.Code, got, reply.Message, code, enhanced)
	}
}
