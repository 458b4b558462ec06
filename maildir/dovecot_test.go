package maildir_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/maildir"
)

// dovecots are the versions that this package promises to live with.
var dovecots = map[string]func(peer.T, peer.DovecotOptions) *peer.Dovecot{
	"2.3": peer.StartDovecot,
	"2.4": peer.StartDovecot24,
}

// setup is a Dovecot and how we find the mail of its user.
type setup struct {
	*peer.Dovecot
	peer.DovecotOptions
	location maildir.Location
}

// setups are the name spaces of the tests, and the locations of 2.3 as settings of 2.4.
var setups = map[string]struct {
	options    peer.DovecotOptions
	settings24 map[string]string
}{
	"maildir++": {peer.DovecotOptions{}, nil},
	"site": {
		peer.DovecotOptions{MailLocation: layouts["fs of the site"]},
		map[string]string{"mail_driver": "maildir", "mail_path": "~/.Maildir", "mailbox_list_layout": "fs", "mail_inbox_path": "~/.Maildir/INBOX"},
	},
	"dot prefix": {peer.DovecotOptions{Separator: ".", Prefix: "INBOX."}, nil},
	"control": {
		peer.DovecotOptions{MailLocation: "maildir:~/M:LAYOUT=fs:CONTROL=~/c:DIRNAME=.md:UTF-8"},
		map[string]string{
			"mail_path": "~/M", "mailbox_list_layout": "fs", "mail_control_path": "~/c",
			"mailbox_directory_name": ".md", "mailbox_list_utf8": "yes",
		},
	},
}

// withDovecot runs a test for each version and those of the set-ups that are
// named, all when none is.
func withDovecot(t *testing.T, test func(*testing.T, *setup), only ...string) {
	for version, start := range dovecots {
		for name, s := range setups {
			if len(only) > 0 && !slices.Contains(only, name) {
				continue
			}
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel() // a Dovecot takes a second to stop
				o := s.options
				o.Users = peer.OwnUIDs(1)
				if o.Separator == "" {
					o.Separator = "/"
				}
				if o.MailLocation == "" {
					o.MailLocation = "maildir:~/Maildir"
				}
				location, err := maildir.ParseLocation(o.MailLocation)
				if version == "2.4" {
					location, err = maildir.Location{}.With(s.settings24)
				}
				if err != nil {
					t.Fatal(err)
				}
				test(t, &setup{start(t, o), o, location})
			})
		}
	}
}

const user = "user1"

// asUser acts with the rights of the user, as a delivery does.
func asUser(t *testing.T, d *setup, f func() error) {
	t.Helper()
	u := d.User(user)
	if err := (fsx.Credentials{UID: uint32(u.UID), GID: uint32(u.GID)}).Do(f); err != nil {
		t.Fatal(err)
	}
}

// beside makes a store over the mail of Dovecot's user, which is checked at the end.
func beside(t *testing.T, d *setup, q *maildir.Quota) *maildir.Store {
	t.Helper()
	s, err := maildir.Open(maildir.Options{
		Location: d.location, Home: d.Home(user), Separator: d.Separator, Prefix: d.Prefix, Quota: q,
		Warn: func(err error) { t.Errorf("warning: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustCheck(t, s) })
	return s
}

// inNamespace writes a name with "/" as the namespace wants it.
func (d *setup) inNamespace(name string) string {
	if name == mailstore.Inbox {
		return name
	}
	return d.Prefix + strings.ReplaceAll(name, "/", d.Separator)
}

// fetched is what IMAP shows of a message.
type fetched struct {
	flags    []string
	received time.Time
	size     int64
	text     string
	uid      uint32
}

func fetch(t *testing.T, c *imapclient.Client, mailbox string) []fetched {
	t.Helper()
	selected, err := c.Select(mailbox, nil).Wait()
	if err != nil {
		t.Fatalf("selecting %s: %v", mailbox, err)
	}
	if selected.NumMessages == 0 {
		return nil
	}
	all := imap.SeqSet{}
	all.AddRange(1, selected.NumMessages)
	messages, err := c.Fetch(all, &imap.FetchOptions{
		Flags: true, InternalDate: true, RFC822Size: true, UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
	if err != nil {
		t.Fatalf("fetching from %s: %v", mailbox, err)
	}
	var result []fetched
	for _, m := range messages {
		f := fetched{received: m.InternalDate, size: m.RFC822Size, text: string(m.BodySection[0].Bytes), uid: uint32(m.UID)}
		for _, flag := range m.Flags {
			if flag != `\Recent` {
				f.flags = append(f.flags, strings.ToLower(string(flag)))
			}
		}
		slices.Sort(f.flags)
		result = append(result, f)
	}
	return result
}

func lower(flags []string) []string {
	var result []string
	for _, f := range flags {
		result = append(result, strings.ToLower(f))
	}
	slices.Sort(result)
	return result
}

// delivered are messages for each kind of flags and of folder name.
var delivered = map[string][]string{
	"INBOX":            nil,
	"Spam":             {`\Seen`, "Junk"},
	"Entwürfe":         {`\Draft`, "$Label1", "Junk"},
	"a & b":            {`\Flagged`, `\Answered`},
	"Lists/Go/nuts":    {"NonJunk"},
	"日本語/😀":            {`\Deleted`},
	"INBOX sub/Ärger~": nil,
}

// What we deliver is shown by Dovecot as it should be.
func TestDovecotReadsOurs(t *testing.T) {
	received := time.Date(2025, 3, 9, 8, 7, 6, 0, time.UTC)
	withDovecot(t, func(t *testing.T, d *setup) {
		s := beside(t, d, nil)
		c := peer.IMAP(t, d.IMAPAddr, user)
		fetch(t, c, "INBOX") // Dovecot has the mailbox open already
		raw := "From: a@example.net\nSubject: ü\n\nbody\n"
		asUser(t, d, func() error {
			for mailbox, flags := range delivered {
				storetest.Deliver(t, s, message.Parse([]byte(raw)), mailstore.Delivery{
					Mailbox: d.inNamespace(mailbox), Create: true, Subscribe: true, Flags: flags, Received: received,
				})
			}
			return nil
		})
		for mailbox, flags := range delivered {
			got := fetch(t, c, d.inNamespace(mailbox))
			if len(got) != 1 {
				t.Errorf("%s: %d messages", mailbox, len(got))
				continue
			}
			m := got[0]
			if !slices.Equal(m.flags, lower(flags)) || !m.received.Equal(received) || m.text != strings.ReplaceAll(raw, "\n", "\r\n") || m.size != int64(len(m.text)) {
				t.Errorf("%s: %+v", mailbox, m)
			}
		}
		compareLists(t, s, c)
		compareEntries(t, s, d)
	})
}

// compareLists compares the mailboxes and the subscriptions that IMAP lists with ours.
func compareLists(t *testing.T, s *maildir.Store, c *imapclient.Client) {
	t.Helper()
	ours, err := s.Mailboxes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	theirs := listed(t, c, nil)
	if slices.Sort(ours); !slices.Equal(ours, theirs) {
		t.Errorf("mailboxes:\n ours   %q\n theirs %q", ours, theirs)
	}
	if ours, err = s.Subscribed(); err != nil {
		t.Fatal(err)
	}
	theirs = listed(t, c, &imap.ListOptions{SelectSubscribed: true})
	if slices.Sort(ours); !slices.Equal(ours, theirs) {
		t.Errorf("subscriptions:\n ours   %q\n theirs %q", ours, theirs)
	}
}

func listed(t *testing.T, c *imapclient.Client, o *imap.ListOptions) []string {
	t.Helper()
	list, err := c.List("", "*", o).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range list {
		if !slices.Contains(l.Attrs, imap.MailboxAttrNoSelect) && !slices.Contains(l.Attrs, imap.MailboxAttrNonExistent) {
			names = append(names, l.Mailbox)
		}
	}
	slices.Sort(names)
	return names
}

// compareEntries compares what doveadm tells of each message with our reading.
func compareEntries(t *testing.T, s *maildir.Store, d *setup) {
	t.Helper()
	out := d.Doveadm("-f", "tab", "fetch", "-u", user, "mailbox uid guid size.physical size.virtual date.received.unixtime", "all")
	theirs := strings.Split(strings.TrimSpace(out), "\n")[1:]
	var ours []string
	asUser(t, d, func() error {
		names, err := s.Mailboxes(t.Context())
		for _, name := range names {
			for _, e := range storetest.Entries(t, s, name) {
				ours = append(ours, fmt.Sprintf("%s\t%d\t%s\t%d\t%d\t%d", name, e.UID, e.GUID, e.Size, e.VSize, e.Received.Unix()))
			}
		}
		return err
	})
	slices.Sort(ours)
	slices.Sort(theirs)
	if !slices.Equal(ours, theirs) || len(ours) == 0 {
		t.Errorf("messages:\n ours   %q\n theirs %q", ours, theirs)
	}
}

// inboxLast gives the mailboxes in an order that Dovecot 2.4 can take: with
// mailbox_directory_name it finds no INBOX before another folder was made.
func inboxLast[T any](byMailbox map[string]T) []string {
	names := slices.Sorted(maps.Keys(byMailbox))
	slices.SortStableFunc(names, func(a, b string) int {
		switch mailstore.Inbox {
		case a:
			return 1
		case b:
			return -1
		}
		return 0
	})
	return names
}

// What Dovecot writes is read as Dovecot means it.
func TestWeReadDovecots(t *testing.T) {
	withDovecot(t, func(t *testing.T, d *setup) {
		c := peer.IMAP(t, d.IMAPAddr, user)
		raw := "From: a@example.net\r\nSubject: x\r\n\r\nbody\r\n"
		for _, mailbox := range inboxLast(delivered) {
			flags, name := delivered[mailbox], d.inNamespace(mailbox)
			if mailbox != mailstore.Inbox {
				if err := c.Create(name, nil).Wait(); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Subscribe(name).Wait(); err != nil {
				t.Fatal(err)
			}
			appendMail(t, c, name, raw, flags)
			appendMail(t, c, name, raw, []string{`\Seen`})
		}
		if err := peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{user}, raw)[0]; err != nil {
			t.Fatal(err)
		}
		s := beside(t, d, nil)
		compareLists(t, s, c)
		compareEntries(t, s, d)
		asUser(t, d, func() error {
			for mailbox, flags := range delivered {
				want := [][]string{lower(flags), {`\seen`}}
				if mailbox == mailstore.Inbox {
					want = append(want, nil)
				}
				var got [][]string
				for _, e := range storetest.Entries(t, s, d.inNamespace(mailbox)) {
					got = append(got, lower(e.Flags))
				}
				slices.SortFunc(got, slices.Compare)
				slices.SortFunc(want, slices.Compare)
				if !slices.EqualFunc(got, want, slices.Equal) {
					t.Errorf("%s: flags %q, want %q", mailbox, got, want)
				}
			}
			return nil
		})
		// Keywords that Dovecot knows serve ours, and a new one serves Dovecot.
		asUser(t, d, func() error {
			storetest.Deliver(t, s, message.Parse([]byte(raw)), mailstore.Delivery{Mailbox: d.inNamespace("Spam"), Flags: []string{"junk", "Fresh"}})
			return nil
		})
		if got := fetch(t, c, d.inNamespace("Spam")); !slices.Equal(got[len(got)-1].flags, []string{"fresh", "junk"}) {
			t.Errorf("flags %q", got[len(got)-1].flags)
		}
	})
}

func appendMail(t *testing.T, c *imapclient.Client, mailbox, raw string, flags []string) {
	t.Helper()
	o := &imap.AppendOptions{}
	for _, f := range flags {
		o.Flags = append(o.Flags, imap.Flag(f))
	}
	cmd := c.Append(mailbox, int64(len(raw)), o)
	_, err := cmd.Write([]byte(raw))
	if closeErr := cmd.Close(); err == nil {
		err = closeErr
	}
	if _, waitErr := cmd.Wait(); err == nil {
		err = waitErr
	}
	if err != nil {
		t.Fatalf("appending to %s: %v", mailbox, err)
	}
}
