package mailimport_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/fsx"
	"dovetail/internal/mailimport"
	"dovetail/internal/mbox"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

// seen is a message as an IMAP client sees it.
type seen struct {
	flags, text string
	received    time.Time
}

func fetch(t *testing.T, c *imapclient.Client, folder string) []seen {
	t.Helper()
	if _, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	got, err := c.Fetch(imap.SeqSet{imap.SeqRange{Start: 1}}, &imap.FetchOptions{
		Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{section},
	}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var messages []seen
	for _, m := range got {
		var flags []string
		for _, f := range m.Flags {
			if f != `\Recent` {
				flags = append(flags, string(f))
			}
		}
		slices.Sort(flags)
		messages = append(messages, seen{strings.Join(flags, " "), string(m.FindBodySection(section)), m.InternalDate})
	}
	return messages
}

// bodies are what is hard to keep in an mbox file.
var bodies = map[string]string{
	"plain":          "Text\r\n",
	"empty":          "",
	"no end of line": "Text",
	"empty lines":    "\r\n\r\nText\r\n\r\n\r\n",
	"from":           "From here on\r\n\r\nFrom there\r\n",
	"a From_ line":   "As I said:\r\n\r\nFrom a@example.net Sat Nov 21 08:00:00 2026\r\nSubject: inner\r\n\r\nInner text\r\n",
	"quoted":         ">From a\r\n>>From b\r\n",
	"long":           strings.Repeat("0123456789", 20000) + "\r\n",
	"8bit":           "Grüße \xff\r\n",
}

// What Dovecot 2.3 has in an mbox folder looks the same in our Maildir.
func TestDovecotMbox(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	from := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1), MailLocation: "mbox:~/mail:INBOX=~/mbox"})
	c := peer.IMAP(t, from.IMAPAddr, "user1")
	if err := c.Create("Old", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	flags := [][]imap.Flag{nil, {`\Seen`}, {`\Seen`, `\Answered`, "Work"}, {`\Flagged`, "$Forwarded", "Work"}, {`\Draft`}, {`\Deleted`, `\Seen`}}
	for i, name := range slices.Sorted(maps.Keys(bodies)) {
		text := fmt.Sprintf("From: a@example.net\r\nSubject: %s\r\nX-Status: F\r\nContent-Length: 7\r\n\r\n%s", name, bodies[name])
		at := time.Date(2020, 1+time.Month(i), 2, 3, 4, 5, 0, time.FixedZone("", 7200))
		a := c.Append("Old", int64(len(text)), &imap.AppendOptions{Flags: flags[i%len(flags)], Time: at})
		if _, err := a.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.Close(), func() error { _, err := a.Wait(); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	want := fetch(t, c, "Old")
	if err := c.Logout().Wait(); err != nil {
		t.Fatal(err)
	}

	to := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1)})
	u := to.User("user1")
	store, err := maildir.Open(maildir.Options{
		Location: maildir.Location{Root: "~/Maildir"}, Home: to.Home("user1"), Separator: "/",
		Warn: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	o := mailimport.Options{
		Store: store, Do: fsx.Credentials{UID: uint32(u.UID), GID: uint32(u.GID)}.Do,
		Flush: fsx.NewFlusher(fsx.DefaultGroupAbove).Flush, Mailbox: "New/Old",
	}
	for round, present := range []int{0, len(bodies)} {
		r := importFile(t, o, from.Home("user1")+"/mail/Old")
		if r.Messages != len(bodies) || r.Present != present || r.Imported != len(bodies)-present {
			t.Fatalf("round %d: %+v", round, r)
		}
		if r.Damaged() {
			t.Errorf("%v", r.Findings)
		}
	}
	got := fetch(t, peer.IMAP(t, to.IMAPAddr, "user1"), "New/Old")
	if len(got) != len(want) {
		t.Fatalf("%d messages, wanted %d", len(got), len(want))
	}
	for i := range want {
		if got[i].text != want[i].text {
			t.Errorf("message %d:\n%.300q\nwanted\n%.300q", i, got[i].text, want[i].text)
		}
		if got[i].flags != want[i].flags || !got[i].received.Equal(want[i].received) {
			t.Errorf("message %d: %s, %s; wanted %s, %s", i, got[i].flags, got[i].received, want[i].flags, want[i].received)
		}
	}
	if problems, err := maildir.Check(context.Background(), store, maildir.CheckOptions{Content: true}); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// importFile runs an import that must not fail.
func importFile(t *testing.T, o mailimport.Options, name string) *mailimport.Report {
	t.Helper()
	r, err := tryImport(o, name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryImport(o mailimport.Options, name string) (*mailimport.Report, error) {
	f, err := mbox.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	im, err := mailimport.New(context.Background(), o)
	if err != nil {
		return nil, err
	}
	defer im.Close()
	return im.File(context.Background(), f)
}
