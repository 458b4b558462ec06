package maildir_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

const (
	deliverers = 2
	perWorker  = 150
)

// While we deliver, IMAP clients flag, move and expunge: nothing is lost, nothing
// is there twice, every flag stays, and Dovecot's log tells of no damage.
func TestBothWriteAtOnce(t *testing.T) {
	withDovecot(t, func(t *testing.T, d *setup) {
		s := beside(t, d, nil)
		c := peer.IMAP(t, d.IMAPAddr, user)
		for _, mailbox := range []string{"Spam", "Archive"} {
			if err := c.Create(mailbox, nil).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan struct{})
		var writers, readers sync.WaitGroup
		clients := map[string]*client{}
		for _, mailbox := range []string{"INBOX", "Spam"} {
			cl := &client{t: t, c: peer.IMAP(t, d.IMAPAddr, user), mailbox: mailbox, gone: map[string]bool{}}
			clients[mailbox] = cl
			readers.Go(func() { cl.run(done) })
		}
		for w := range deliverers {
			writers.Go(func() { deliverMany(t, d, s, w) })
		}
		writers.Wait()
		close(done)
		readers.Wait()
		checkAll(t, d, s, clients)
	}, "maildir++", "site")
}

// subject and flags of the i-th message of a worker.
func numbered(w, i int) (subject string, flags []string) {
	switch i % 3 {
	case 1:
		flags = []string{`\Flagged`}
	case 2:
		flags = []string{fmt.Sprintf("ours%d", i/15)} // a new one now and then
	}
	return fmt.Sprintf("m-%d-%d", w, i), flags
}

func deliverMany(t *testing.T, d *setup, s *maildir.Store, w int) {
	u := d.User(user)
	who := fsx.Credentials{UID: uint32(u.UID), GID: uint32(u.GID)}
	flusher := fsx.NewFlusher(fsx.DefaultGroupAbove)
	for i := range perWorker {
		subject, flags := numbered(w, i)
		m := message.Parse([]byte("Subject: " + subject + "\n\n" + strings.Repeat("body\n", i)))
		err := who.Do(func() error {
			p, err := s.Prepare(context.Background(), m, mailstore.Delivery{Mailbox: []string{"INBOX", "Spam"}[i/3%2], Flags: flags})
			if err != nil {
				return err
			}
			return errors.Join(flusher.Flush(context.Background(), p.Unsynced()), p.Publish(),
				flusher.Flush(context.Background(), p.Unsynced()), p.Close())
		})
		if err != nil {
			t.Errorf("delivering %s: %v", subject, err)
		}
	}
}

// client works in one mailbox: it flags all it sees, moves some, expunges some.
type client struct {
	t       *testing.T
	c       *imapclient.Client
	mailbox string
	gone    map[string]bool // subjects that were expunged
	flagged map[string]string
	last    imap.UID
	n       int
}

func (cl *client) run(done chan struct{}) {
	if _, err := cl.c.Select(cl.mailbox, nil).Wait(); err != nil {
		cl.t.Errorf("selecting %s: %v", cl.mailbox, err)
		return
	}
	cl.flagged = map[string]string{}
	for finished := false; !finished; {
		select {
		case <-done:
			finished = true // one more round for the rest
		default:
		}
		if err := cl.round(); err != nil {
			cl.t.Errorf("client of %s: %v", cl.mailbox, err)
			return
		}
	}
}

func (cl *client) round() error {
	if err := cl.c.Noop().Wait(); err != nil {
		return err
	}
	set := imap.UIDSet{}
	set.AddRange(cl.last+1, 0)
	messages, err := cl.c.Fetch(set, &imap.FetchOptions{UID: true, Envelope: true}).Collect()
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.UID <= cl.last { // n:* always gives the last one
			continue
		}
		cl.last = m.UID
		cl.n++
		if err := cl.handle(m.UID, m.Envelope.Subject); err != nil {
			return err
		}
	}
	return nil
}

func (cl *client) handle(uid imap.UID, subject string) error {
	one := imap.UIDSetNum(uid)
	flag := fmt.Sprintf("theirs%d", cl.n/20)
	cl.flagged[subject] = flag
	add := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagSeen, imap.Flag(flag)}}
	if err := cl.c.Store(one, add, nil).Close(); err != nil {
		return err
	}
	switch cl.n % 7 {
	case 3:
		_, err := cl.c.Move(one, "Archive").Wait()
		return err
	case 5:
		cl.gone[subject] = true
		remove := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := cl.c.Store(one, remove, nil).Close(); err != nil {
			return err
		}
		return cl.c.UIDExpunge(one).Close()
	}
	return nil
}

func checkAll(t *testing.T, d *setup, s *maildir.Store, clients map[string]*client) {
	t.Helper()
	c := peer.IMAP(t, d.IMAPAddr, user)
	found := map[string][]string{} // subject to flags
	for _, mailbox := range []string{"INBOX", "Spam", "Archive"} {
		theirs := map[uint32][]string{}
		for _, m := range fetch(t, c, mailbox) {
			subject := strings.TrimPrefix(strings.Split(m.text, "\r\n")[0], "Subject: ")
			if _, twice := found[subject]; twice {
				t.Errorf("%s is there twice", subject)
			}
			found[subject] = m.flags
			theirs[m.uid] = m.flags
		}
		asUser(t, d, func() error {
			for _, e := range storetest.Entries(t, s, mailbox) {
				if !slices.Equal(lower(e.Flags), theirs[e.UID]) {
					t.Errorf("%s, UID %d: IMAP says %q, we read %q", mailbox, e.UID, theirs[e.UID], e.Flags)
				}
			}
			return nil
		})
	}
	moved := 0
	for w := range deliverers {
		for i := range perWorker {
			subject, want := numbered(w, i)
			cl := clients[[]string{"INBOX", "Spam"}[i/3%2]]
			flags, there := found[subject]
			if there == cl.gone[subject] {
				t.Errorf("%s: there %v, expunged %v", subject, there, cl.gone[subject])
			}
			if flag := cl.flagged[subject]; flag != "" {
				want = append(want, `\seen`, flag)
				moved++
			}
			if there && !slices.Equal(flags, lower(want)) {
				t.Errorf("%s has flags %q, want %q", subject, flags, lower(want))
			}
		}
	}
	if moved < deliverers*perWorker/2 {
		t.Errorf("the clients saw only %d messages", moved)
	}
}
