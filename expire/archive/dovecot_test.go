package archive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"dovetail/expire/archive"
	"dovetail/internal/fsx"
	"dovetail/internal/mailimport"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/mbox"
	"dovetail/internal/peer"
	"dovetail/internal/userdb/expand"
)

// corpus are messages that are hard to keep, with flags.
var corpus = map[string][]string{
	"Subject: plain\n\nText\n":                                               nil,
	"Subject: empty\n\n":                                                     {`\Seen`},
	"Subject: empty lines\n\n\n\nText\n\n\n":                                 {`\Seen`, `\Answered`, "Work"},
	"Subject: from\n\nFrom here on\n\nFrom there\n>From\n>>>From\n":          {`\Flagged`, "$Forwarded", "Work"},
	"Subject: inner\n\nFrom a@x Sat Nov 21 08:00:00 2026\nSubject: y\n\nz\n": {`\Draft`},
	"Subject: long\n\n" + strings.Repeat("0123456789", 20000) + "\n":         {`\Deleted`, `\Seen`},
	"Subject: 8bit\n\nGr\xfc\xdfe, Grüße\n":                                  {"NonJunk"},
}

// fill puts the corpus into INBOX, and gives what IMAP is to show of it.
func (h *home) fill() (want []string) {
	i := 0
	for text, flags := range corpus {
		i++
		at := time.Date(2020, time.Month(i), 2, 3, 4, 5, 0, time.FixedZone("", 7200))
		h.put("INBOX", text, at, flags...)
		want = append(want, shown(text, flags, at))
	}
	slices.Sort(want)
	return want
}

func shown(text string, flags []string, at time.Time) string {
	flags = slices.Sorted(slices.Values(flags))
	return fmt.Sprintf("%s %q %.300q", at.UTC().Format(time.DateTime), flags, strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"))
}

// fetched is what an IMAP client sees of a folder.
func fetched(t *testing.T, addr, folder string) (all []string) {
	t.Helper()
	c := peer.IMAP(t, addr, "user1")
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
	for _, m := range got {
		var flags []string
		for _, f := range m.Flags {
			if f != `\Recent` {
				flags = append(flags, string(f))
			}
		}
		all = append(all, shown(string(m.FindBodySection(section)), flags, m.InternalDate))
	}
	slices.Sort(all)
	return all
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What is archived into an mbox file comes back by the import as it was.
func TestRoundTrip(t *testing.T) {
	h := newHome(t)
	want := h.fill()
	h.archive("mbox:~/old", "INBOX")
	f, err := mbox.Open(h.dir + "/old")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im, err := mailimport.New(context.Background(), mailimport.Options{
		Store: h.store, Do: func(f func() error) error { return f() }, Flush: fsx.NewFlusher(0).Flush, Mailbox: "Back",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	r, err := im.File(context.Background(), f)
	if err != nil || r.Imported != len(corpus) || r.Damaged() {
		t.Fatalf("%+v, %v", r, err)
	}
	var got []string
	for _, e := range storetest.Entries(t, h.store, "Back") {
		text, err := os.ReadFile(e.Path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, shown(string(text), e.Flags, e.Received))
	}
	slices.Sort(got)
	compare(t, "imported", got, want)
}

// A Dovecot with mbox folders shows each message, though it does not unquote, and knows
// only the keywords of its own list.
func TestDovecotMbox(t *testing.T) {
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OwnUIDs(1), MailLocation: "mbox:~/mail:INBOX=~/mbox"})
	h := newHome(t)
	h.fill()
	var want []string
	for i, m := range h.matches("INBOX") {
		text, err := os.ReadFile(m.Path())
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2020, time.Month(i+1), 2, 3, 4, 5, 0, time.FixedZone("", 7200))
		system := slices.DeleteFunc(m.Flags(), func(f string) bool { return !strings.HasPrefix(f, `\`) })
		want = append(want, shown(fromLine.ReplaceAllString(string(text), ">$0"), system, at))
	}
	slices.Sort(want)
	archiveAs(t, d, h, "mbox:"+d.Home("user1")+"/mail/Old")
	compare(t, "in an mbox folder of Dovecot", fetched(t, d.IMAPAddr, "Old"), want)
	// Dovecot has changed the file by now, which is no reason to archive less.
	archiveAs(t, d, h, "mbox:"+d.Home("user1")+"/mail/Old")
	if got := fetched(t, d.IMAPAddr, "Old"); len(slices.Compact(got)) != len(want) {
		t.Errorf("%d messages", len(got))
	}
}

var fromLine = regexp.MustCompile(`(?m)^>*From `)

func TestDovecotMaildir(t *testing.T) {
	for version, start := range map[string]func(peer.T, peer.DovecotOptions) *peer.Dovecot{"2.3": peer.StartDovecot, "2.4": peer.StartDovecot24} {
		t.Run(version, func(t *testing.T) {
			d := start(t, peer.DovecotOptions{Users: peer.OwnUIDs(1)})
			h := newHome(t)
			want := h.fill()
			for range 2 {
				archiveAs(t, d, h, "maildir:"+d.Home("user1")+"/Maildir/.Old")
				compare(t, "in the Maildir of Dovecot", fetched(t, d.IMAPAddr, "Old"), want)
			}
		})
	}
}

// archiveAs archives INBOX with the rights of Dovecot's user.
func archiveAs(t *testing.T, d *peer.Dovecot, h *home, place string) {
	t.Helper()
	p, err := archive.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	u := d.User("user1")
	all := h.matches("INBOX")
	a, err := archive.Open(archive.Options{Place: p, Vars: expand.Vars{User: "user1", Home: d.Home("user1")}, Separator: "/"})
	if err != nil {
		t.Fatal(err)
	}
	h.readable()
	err = fsx.Credentials{UID: uint32(u.UID), GID: uint32(u.GID)}.Do(func() error {
		for _, m := range all {
			if err := a.Add(context.Background(), &m, opener(m)); err != nil {
				return err
			}
		}
		return errors.Join(a.Flush(context.Background()), a.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}
