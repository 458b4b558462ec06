package filter_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"

	"dovetail/internal/filter"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/peer"
	"dovetail/internal/peer/load"
	"dovetail/internal/userdb"
	"dovetail/maildir"
)

// Beside a Dovecot whose clients read and flag the same mailbox, messages move
// whole, once, and with their flags, and Dovecot finds nothing to complain of.
func TestBesideDovecot(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	const n = 240
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1)})
	d.Doveadm("mailbox", "create", "-u", "user1", "Old")
	user := d.User("user1")
	for i := range n {
		header := fmt.Sprintf("X-Move: %v\r\n", i%3 == 0)
		peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{"user1@example.org"}, string(load.Message(fmt.Sprint(i), 2000, header)))
	}
	loc, err := maildir.ParseLocation("maildir:~/Maildir")
	if err != nil {
		t.Fatal(err)
	}
	store, err := maildir.Open(maildir.Options{Location: loc, Home: d.Home("user1"), Separator: "/"})
	if err != nil {
		t.Fatal(err)
	}

	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() { flagAll(t, d, stop) })
	o := filter.Options{Mailbox: "INBOX", Execute: true, Write: true}
	r := residentOf(t, store, nil, &userdb.User{Name: user.Name, UID: uint32(user.UID), GID: uint32(user.GID), Home: d.Home(user.Name)})
	p := compile(t, `require ["fileinto", "imap4flags"];
		addflag "Marked";
		if header "X-Move" "true" { fileinto "Old"; }`)
	err = filter.Run(t.Context(), p, r, o, func(m *filter.Message) error { return m.Err })
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}

	for mailbox, want := range map[string]int{"INBOX": n * 2 / 3, "Old": n / 3} {
		text := d.Doveadm("fetch", "-u", "user1", "uid flags text", "mailbox", mailbox, "all")
		if got := strings.Count(text, "Marked"); got != want {
			t.Errorf("%s: Dovecot sees %d marked messages, want %d", mailbox, got, want)
		}
		ids := map[string]bool{}
		for _, e := range storetest.Entries(t, store, mailbox) {
			text, err := os.ReadFile(e.Path)
			id, whole := load.Whole(string(text))
			if err != nil || !whole || ids[id] {
				t.Errorf("%s: message %s is not whole, or there twice: %v", mailbox, id, err)
			}
			ids[id] = true
		}
		if len(ids) != want {
			t.Errorf("%s: %d messages, want %d", mailbox, len(ids), want)
		}
	}
	problems, err := maildir.Check(t.Context(), store, maildir.CheckOptions{Content: true})
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	if locks, err := filepath.Glob(filepath.Join(d.Home("user1"), "Maildir", "*.lock")); err != nil || locks != nil {
		t.Errorf("locks are left: %v, %v", locks, err)
	}
}

// flagAll flags messages of INBOX by IMAP until it is stopped.
func flagAll(t *testing.T, d *peer.Dovecot, stop <-chan struct{}) {
	c := peer.IMAP(t, d.IMAPAddr, "user1")
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Errorf("SELECT: %v", err)
		return
	}
	for i := uint32(1); ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		var set imap.UIDSet
		set.AddNum(imap.UID(i%240 + 1))
		flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}
		if err := c.Store(set, flags, nil).Close(); err != nil {
			t.Errorf("STORE: %v", err)
			return
		}
	}
}
