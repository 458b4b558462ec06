package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/peer"
)

// The live test.
const (
	liveMessages  = 2940          // in INBOX at the beginning
	liveDelivered = 200           // that come in meanwhile
	liveTime      = 1_700_000_000 // when the first one was received; each next one a second later
	window        = 147           // of which an expunge takes care, and the client at a time
)

// liveKinds are the kinds of messages, which their Subjects tell:
//
//	keep N    never Seen by anybody
//	guard N   Seen, and flagged by the client before the first expunge begins
//	late N    Seen; the client flags it when its turn comes
//	flip N    Seen; the client flags and unflags it all the while
//	move N    Seen; the client moves it to Other
//	drop N    Seen; the client expunges it
//	old N     Seen; goes
//	new N     delivered meanwhile, never Seen
var liveKinds = []string{"keep", "guard", "late", "flip", "move", "drop", "old"}

// With an IMAP client that flags, moves and expunges, and mail that comes in all the
// while, only what the query matches goes, all of that goes in the end, and Dovecot
// finds nothing to complain of.
func TestExpungeBesideIMAP(t *testing.T) {
	for _, v := range dovecots {
		t.Run(v.name, func(t *testing.T) { expungeBeside(t, v.start) })
	}
}

func expungeBeside(t *testing.T, start func(peer.T, peer.DovecotOptions) *peer.Dovecot) {
	users := peer.OneUID(1)
	d := start(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation, Mailboxes: []string{"Other"}})
	s := withDovecot(t, d, users, siteLocation)
	s.extra["mail"] = "separator = \"/\""
	s.write()
	root := filepath.Join(s.home("user1"), ".Maildir")
	for i := range liveMessages {
		kind := liveKinds[i%len(liveKinds)]
		flags := "S"
		if kind == "keep" {
			flags = ""
		}
		text := fmt.Sprintf("Subject: %s %d\n\nb\n", kind, i)
		name := fmt.Sprintf("%s/INBOX/cur/%d.M%dP1.host,S=%d:2,%s", root, liveTime+i, i, len(text), flags)
		peer.WriteFile(t, name, text, users[0])
		at := time.Unix(int64(liveTime+i), 0)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"new", "tmp"} {
		if err := os.Mkdir(root+"/INBOX/"+part, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	peer.Chown(t, root, users[0])

	c := peer.IMAP(t, d.IMAPAddr, "user1")
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	live := &liveClient{t: t, c: c, inbox: root + "/INBOX/cur", uids: map[string][]imap.UID{}, saved: map[string]bool{}, begun: make(chan struct{})}
	live.look()
	live.flag(live.uids["guard"], imap.StoreFlagsAdd)
	var wg sync.WaitGroup
	wg.Go(live.work)
	wg.Go(func() {
		for i := range liveDelivered {
			peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{"user1@example.org"}, fmt.Sprintf("Subject: new %d\r\n\r\nb\r\n", i))
		}
	})
	for i := range liveMessages / window { // where the client is at work now
		<-live.begun
		words := []string{"expunge", "-u", "user1", "mailbox", "INBOX", "SEEN", "NOT", "FLAGGED"}
		if i%2 == 0 {
			words = append(words, "UID", fmt.Sprintf("%d:%d", i*window+1, (i+1)*window))
		} else {
			words = append(words, "SINCE", fmt.Sprint(liveTime+i*window), "BEFORE", fmt.Sprint(liveTime+(i+1)*window))
		}
		if status, out, problems := s.run(words...); status != 0 {
			t.Errorf("%q: status %d\n%s%s", words, status, out, problems)
		}
	}
	wg.Wait()
	// What flips is unflagged in the end.
	if status, out, problems := s.run("expunge", "-u", "user1", "mailbox", "INBOX", "SEEN", "NOT", "FLAGGED"); status != 0 {
		t.Errorf("status %d\n%s%s", status, out, problems)
	}
	each := liveMessages / len(liveKinds)
	inbox, other := subjects(t, root+"/INBOX"), subjects(t, root+"/Other")
	for kind, want := range map[string]int{"keep": each, "guard": each, "new": liveDelivered, "flip": 0, "move": 0, "drop": 0, "old": 0} {
		if inbox[kind] != want {
			t.Errorf("INBOX has %d of %s, wanted %d", inbox[kind], kind, want)
		}
	}
	for base := range live.saved {
		if names, err := filepath.Glob(root + "/INBOX/cur/" + base + ":*"); err != nil || len(names) != 1 {
			t.Errorf("%s was flagged in time and is gone: %v", base, err)
		}
	}
	t.Logf("the client saved %d and moved %d of %d; %d of its changes came too late", len(live.saved), other["move"], each, live.late)
	seen := strings.Count(d.Doveadm("search", "-u", "user1", "mailbox", "INBOX", "all"), "\n")
	if want := inbox["keep"] + inbox["guard"] + inbox["late"] + inbox["new"]; seen != want {
		t.Errorf("Dovecot sees %d messages, %d are there", seen, want)
	}
}

// liveClient is the client that changes the mailbox.
type liveClient struct {
	t    *testing.T
	c    *imapclient.Client
	uids map[string][]imap.UID // by kind
	late int
	// Base names of messages that had their flag while they were still there.
	inbox string
	saved map[string]bool
	// begun tells of each window of messages that the client turns to.
	begun chan struct{}
}

// look finds out which message is of which kind.
func (l *liveClient) look() {
	l.t.Helper()
	all := imap.UIDSet{}
	all.AddRange(1, 0)
	messages, err := l.c.Fetch(all, &imap.FetchOptions{UID: true, Envelope: true}).Collect()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range messages {
		kind, _, _ := strings.Cut(m.Envelope.Subject, " ")
		l.uids[kind] = append(l.uids[kind], m.UID)
	}
}

func (l *liveClient) flag(uids []imap.UID, op imap.StoreFlagsOp) {
	err := l.c.Store(imap.UIDSetNum(uids...), &imap.StoreFlags{Op: op, Silent: true, Flags: []imap.Flag{imap.FlagFlagged}}, nil).Close()
	if err != nil {
		l.late++
	}
}

// work changes a few messages of each kind at a time.
func (l *liveClient) work() {
	const few = window / 7 // of each of liveKinds
	for i := 0; i+few <= len(l.uids["flip"]); i += few {
		l.begun <- struct{}{}
		l.flag(l.uids["late"][i:i+few], imap.StoreFlagsAdd)
		l.note()
		l.flag(l.uids["flip"][i:i+few], imap.StoreFlagsAdd)
		if _, err := l.c.Move(imap.UIDSetNum(l.uids["move"][i:i+few]...), "Other").Wait(); err != nil {
			l.late++
		}
		drop := imap.UIDSetNum(l.uids["drop"][i : i+few]...)
		err := l.c.Store(drop, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close()
		if err == nil {
			err = l.c.UIDExpunge(drop).Close()
		}
		if err != nil {
			l.late++
		}
		l.flag(l.uids["flip"][i:i+few], imap.StoreFlagsDel)
	}
}

// note remembers which messages have a flag now that only the client sets late.
func (l *liveClient) note() {
	names, err := filepath.Glob(l.inbox + "/*:2,FS")
	if err != nil {
		l.t.Error(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		base, _, _ := strings.Cut(filepath.Base(name), ":")
		if err == nil && strings.Contains(string(text), "Subject: late ") {
			l.saved[base] = true
		}
	}
}

// subjects counts the messages of a folder by kind. No message is there twice.
func subjects(t *testing.T, dir string) map[string]int {
	t.Helper()
	names, err := filepath.Glob(dir + "/[cn][ue][rw]/*")
	if err != nil {
		t.Fatal(err)
	}
	kinds, seen := map[string]int{}, map[string]bool{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, subject, _ := strings.Cut(string(text), "Subject: ")
		subject, _, _ = strings.Cut(subject, "\n")
		if seen[subject] {
			t.Errorf("%s is there twice", subject)
		}
		seen[subject] = true
		kind, _, _ := strings.Cut(subject, " ")
		kinds[kind]++
	}
	return kinds
}
