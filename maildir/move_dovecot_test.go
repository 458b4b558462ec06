package maildir_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

// What we move is shown by Dovecot, which has both mailboxes open, as it was before; also
// when it is moved back, and when Dovecot has moved it in between.
func TestDovecotMove(t *testing.T) {
	withDovecot(t, func(t *testing.T, d *setup) {
		s := beside(t, d, nil)
		in, old := peer.IMAP(t, d.IMAPAddr, user), peer.IMAP(t, d.IMAPAddr, user)
		target, made := d.inNamespace("Old/Mail"), d.inNamespace("Made")
		flags := [][]string{nil, {`\Seen`}, {"Work", "Junk"}, {`\Flagged`, `\Answered`, "$Label1"}}
		asUser(t, d, func() error {
			storetest.Deliver(t, s, message.Parse([]byte("Subject: old\n\n")),
				mailstore.Delivery{Mailbox: target, Create: true, Flags: []string{"Junk", "Other", "Work"}})
			for i, f := range flags {
				storetest.Deliver(t, s, message.Parse([]byte(fmt.Sprintf("Subject: %d\n\n", i))),
					mailstore.Delivery{Mailbox: "INBOX", Flags: f, Received: longAgo})
			}
			return nil
		})
		before := fetch(t, in, "INBOX")
		fetch(t, old, target)
		moveAll := func(from, to string) {
			asUser(t, d, func() error {
				all := chosen(t, s, from)
				if n := move(t, s, from, all, to); n != len(all) || n == 0 {
					t.Errorf("%d of %d went from %s to %s", n, len(all), from, to)
				}
				return nil
			})
		}
		moveAll("INBOX", target)
		if got := fetch(t, in, "INBOX"); len(got) != 0 {
			t.Errorf("INBOX still has %v", got)
		}
		sameMail(t, fetch(t, old, target)[1:], before)
		moveAll(target, made)
		moveAll(made, "INBOX") // which knows the names
		got := fetch(t, in, "INBOX")
		got = slices.DeleteFunc(got, func(m fetched) bool { return strings.Contains(m.text, "old") })
		sameMail(t, got, before)
		if _, err := in.Move(imap.SeqSet{imap.SeqRange{Start: 1}}, made).Wait(); err != nil {
			t.Fatal(err)
		}
		moveAll(made, "INBOX")
		got = fetch(t, in, "INBOX")
		got = slices.DeleteFunc(got, func(m fetched) bool { return strings.Contains(m.text, "old") })
		sameMail(t, got, before)
		compareLists(t, s, in)
		compareEntries(t, s, d)
	})
}

// sameMail compares what IMAP shows, but for the UIDs.
func sameMail(t *testing.T, got, want []fetched) {
	t.Helper()
	text := func(all []fetched) []string {
		var lines []string
		for _, m := range all {
			lines = append(lines, fmt.Sprintf("%q %q %v", m.text, m.flags, m.received.UTC()))
		}
		slices.Sort(lines)
		return lines
	}
	if g, w := text(got), text(want); !slices.Equal(g, w) {
		t.Errorf("IMAP shows\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

// While an IMAP client sets flags we move: each message is in one of the mailboxes, with
// the client's flag, and what was flagged in time stayed.
func TestDovecotMoveTogether(t *testing.T) {
	const n = 300
	withDovecot(t, func(t *testing.T, d *setup) {
		s := beside(t, d, nil)
		c := peer.IMAP(t, d.IMAPAddr, user)
		asUser(t, d, func() error {
			for i := range n {
				storetest.Deliver(t, s, message.Parse([]byte(fmt.Sprintf("Subject: %d\n\n", i))), mailstore.Delivery{Mailbox: "INBOX", Flags: []string{`\Seen`}})
			}
			return nil
		})
		fetch(t, c, "INBOX")
		var client sync.WaitGroup
		client.Go(func() { flagAll(c, n) })
		for range 4 {
			asUser(t, d, func() error { move(t, s, "INBOX", chosen(t, s, "INBOX")[:n/6], "Old"); return nil })
		}
		client.Wait()
		seen := map[string]bool{}
		for _, mailbox := range []string{"INBOX", "Old"} {
			for _, m := range fetch(t, peer.IMAP(t, d.IMAPAddr, user), mailbox) {
				if seen[m.text] || !slices.Contains(m.flags, `\seen`) {
					t.Errorf("%s: %q: there before: %v, flags %q", mailbox, m.text, seen[m.text], m.flags)
				}
				seen[m.text] = true
			}
		}
		if len(seen) != n {
			t.Errorf("%d messages of %d", len(seen), n)
		}
	}, "maildir++")
}

// flagAll flags every second message that the client still sees.
func flagAll(c *imapclient.Client, n int) {
	add := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagFlagged}}
	for uid := 1; uid <= n; uid += 2 {
		_ = c.Store(imap.UIDSetNum(imap.UID(uid)), add, nil).Close() // one that is gone is no error
	}
}

// Both sides count the same quota after a move.
func TestDovecotMoveQuota(t *testing.T) {
	const rule = "*:storage=20"
	for version, start := range dovecots {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			o := peer.DovecotOptions{Users: peer.OwnUIDs(1), Quota: rule + "k", Separator: "/"}
			d := &setup{start(t, o), o, maildir.Location{Root: "~/Maildir"}}
			c := peer.IMAP(t, d.IMAPAddr, user)
			for _, q := range []*maildir.Quota{quota(t, "0", rule), nil} {
				s := beside(t, d, q)
				appendMail(t, c, "INBOX", "Subject: x\r\n\r\n"+strings.Repeat("0123456789abcd\r\n", 250), nil)
				before := usedKiB(t, c)
				asUser(t, d, func() error { move(t, s, "INBOX", chosen(t, s, "INBOX"), "Old"); return nil })
				if after := usedKiB(t, c); after != before || after == 0 {
					t.Errorf("Dovecot counts %d KiB after the move and %d before", after, before)
				}
			}
		})
	}
}
