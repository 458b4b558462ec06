package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"dovetail/expire/query"
	"dovetail/expire/remote"
	"dovetail/internal/imapurl"
	"dovetail/internal/peer"
)

// memory starts a small IMAP server with the abilities named, and gives its address.
func memory(t *testing.T, caps ...imap.Cap) string {
	t.Helper()
	user := imapmemserver.NewUser("user1", peer.Password)
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mem := imapmemserver.New()
	mem.AddUser(user)
	set := imap.CapSet{imap.CapIMAP4rev1: {}}
	for _, c := range caps {
		set[c] = struct{}{}
	}
	s := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps: set, InsecureAuth: true,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }() // it ends with Close
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// servers are those that the tests run with, by what they can do.
func servers(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("no CONDSTORE, no ESEARCH", func(t *testing.T) { test(t, memory(t, imap.CapUIDPlus)) })
	for version, start := range map[string]func(peer.T, peer.DovecotOptions) *peer.Dovecot{"2.3": peer.StartDovecot, "2.4": peer.StartDovecot24} {
		t.Run("Dovecot "+version, func(t *testing.T) {
			test(t, start(t, peer.DovecotOptions{Users: peer.OneUID(1), Fsync: "never"}).IMAPAddr)
		})
	}
}

func account(t *testing.T, addr, folder string) *remote.Account {
	t.Helper()
	u, err := imapurl.Parse("imap://user1@" + addr + "/" + folder)
	if err != nil {
		t.Fatal(err)
	}
	a, err := remote.Open(t.Context(), u, peer.Password)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func parse(t *testing.T, text string) *query.Query {
	t.Helper()
	words, err := query.Split(text)
	if err != nil {
		t.Fatal(err)
	}
	q, err := query.Parse(words, query.Options{Now: time.Now(), Zone: time.Local, Remote: true})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// put stores n messages, of which the first is the oldest by hours.
func put(t *testing.T, c *imapclient.Client, n int, flags func(i int) []imap.Flag) {
	t.Helper()
	text := []byte("Subject: x\r\nFrom: a@b.org\r\n\r\nbody\r\n")
	var all []*imapclient.AppendCommand
	for i := range n {
		o := &imap.AppendOptions{Time: time.Now().Add(-time.Duration(n-i)*time.Hour - 30*time.Minute)}
		if flags != nil {
			o.Flags = flags(i)
		}
		cmd := c.Append("INBOX", int64(len(text)), o)
		if _, err := cmd.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Close(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if _, err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// left gives the UIDs that INBOX has without some flags.
func left(t *testing.T, addr string, not ...imap.Flag) []uint32 {
	t.Helper()
	c := peer.IMAP(t, addr, "user1")
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{NotFlag: not}, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	var uids []uint32
	for _, uid := range found.AllUIDs() {
		uids = append(uids, uint32(uid))
	}
	return uids
}

func search(t *testing.T, a *remote.Account, text string) (uids []uint32, err error) {
	t.Helper()
	err = a.Search(t.Context(), "INBOX", parse(t, text), false, func(m remote.Message) error {
		uids = append(uids, m.UID)
		return nil
	})
	return uids, err
}

// from gives the numbers from one to another.
func from(a, b uint32) (all []uint32) {
	for ; a <= b; a++ {
		all = append(all, a)
	}
	return all
}

// Times are exact to the second, though the server tells days.
func TestSearch(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c := peer.IMAP(t, addr, "user1")
		put(t, c, 100, func(i int) []imap.Flag {
			if i%2 == 0 {
				return []imap.Flag{imap.FlagSeen}
			}
			return nil
		})
		a := account(t, addr, "")
		for text, want := range map[string][]uint32{
			"BEFORE 50h":                           from(1, 51),
			"NOT BEFORE 50h":                       from(52, 100),
			"SINCE 70h BEFORE 50h UID 1:33":        {32, 33},
			"( BEFORE 98h OR SINCE 2h )":           {1, 2, 3, 100},
			"( BEFORE 98h OR UID 50 ) NOT SEEN":    {2, 50},
			"NOT ( SEEN OR SINCE 96h )":            {2, 4},
			"OLDER 349200":                         {1, 2, 3, 4},
			"OLDESTONLY BEFORE 98h NOT UID 3":      {1, 2},
			"SENTBEFORE 2026-01-01 UID 1":          {1}, // no Date field: sent in 1970
			"LARGER 0 UID 7":                       {7},
			"MAILBOX Other ALL":                    nil,
			"( MAILBOX INBOX 5 ) BODY \"bo\"":      {5},
			"SUBJECT köln":                         nil,
			"KEYWORD 'a(b'":                        nil,
			"LARGER 100G":                          nil,
			"SMALLER 100G *":                       {100},
			"UID *":                                nil,
			"HEADER Subject '' FROM a@b.org UID 9": {9},
		} {
			if got, err := search(t, a, text); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v, %v, want %v", text, got, err, want)
			}
		}
		var details []remote.Message
		err := a.Search(t.Context(), "INBOX", parse(t, "UID 99:200"), true, func(m remote.Message) error { details = append(details, m); return nil })
		if err != nil || len(details) != 2 || details[0].Size != 35 || !slices.Equal(details[0].Flags, []string{`\Seen`}) || time.Since(details[0].Received) > 3*time.Hour {
			t.Errorf("%+v, %v", details, err)
		}
		if _, err := search(t, a, "MAILBOX-GUID x"); !errors.Is(err, remote.ErrCannot) || !strings.Contains(err.Error(), "MAILBOX-GUID") {
			t.Errorf("a mailbox's id: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Keys that only a server can judge are its own.
func TestServersOwn(t *testing.T) {
	for version, start := range map[string]func(peer.T, peer.DovecotOptions) *peer.Dovecot{"2.3": peer.StartDovecot, "2.4": peer.StartDovecot24} {
		t.Run(version, func(t *testing.T) {
			addr := start(t, peer.DovecotOptions{Users: peer.OneUID(1)}).IMAPAddr
			c := peer.IMAP(t, addr, "user1")
			put(t, c, 4, nil)
			selected, err := c.Select("INBOX", &imap.SelectOptions{CondStore: true}).Wait()
			if err != nil {
				t.Fatal(err)
			}
			flag := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}}
			if err := c.Store(imap.UIDSetNum(2), flag, nil).Close(); err != nil {
				t.Fatal(err)
			}
			a := account(t, addr, "")
			for text, want := range map[string][]uint32{
				fmt.Sprintf("MODSEQ %d", selected.HighestModSeq+1):             {2},
				fmt.Sprintf("NOT MODSEQ %d UID 1:2", selected.HighestModSeq+1): {1},
				"INTHREAD REFS UID 3":                      {3},
				"INTHREAD REFERENCES UID 3":                from(1, 4),
				"SAVEDSINCE 3d UNFLAGGED":                  {1, 3, 4},
				"SAVEDBEFORE 3d":                           nil,
				"SAVEDBEFORE 1s OR SAVEDSINCE 1s OR UID 1": {1}, // it is not known of the others
			} {
				if got, err := search(t, a, text); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v, %v, want %v", text, got, err, want)
				}
			}
			if _, err := search(t, a, "INTHREAD REFS BEFORE 1h"); !errors.Is(err, remote.ErrCannot) {
				t.Errorf("INTHREAD with a date: %v", err)
			}
		})
	}
}

// What a server cannot do is an error that names it.
func TestAbilities(t *testing.T) {
	addr := memory(t)
	c := peer.IMAP(t, addr, "user1")
	put(t, c, 3, nil)
	a := account(t, addr, "")
	for text, want := range map[string]string{"SAVEDBEFORE 1d": "SAVEDATE", "NOT ( SEEN OR GUID x )": "OBJECTID", "MODSEQ 1": "CONDSTORE", "NOT MIMEPART TYPE text": "MIMEPART", "INTHREAD REFS ALL": "THREAD=REFS", "SAVEDSINCE 1d BEFORE 1h": "SAVEDATE"} {
		if _, err := search(t, a, text); !errors.Is(err, remote.ErrCannot) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	err := a.Expunge(t.Context(), "INBOX", parse(t, "MAILBOX INBOX ALL"), false, func(m remote.Message) { t.Errorf("gone: %v", m) })
	if !errors.Is(err, remote.ErrNoUIDPlus) || len(left(t, addr)) != 3 {
		t.Errorf("without UIDPLUS: %v, left %v", err, left(t, addr))
	}
}

// Mailboxes are chosen by the query, within the folder of the URL.
func TestMailboxes(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c := peer.IMAP(t, addr, "user1")
		for _, name := range []string{"Entwürfe", "Trash", "Trash/Junk", "Other"} {
			if err := c.Create(name, nil).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			folder, query  string
			there, missing []string
		}{
			{"", "ALL", []string{"Entwürfe", "INBOX", "Other", "Trash", "Trash/Junk"}, nil},
			{"", "MAILBOX Trash* ALL", []string{"Trash", "Trash/Junk"}, nil},
			{"", "( MAILBOX Trash/% OR MAILBOX Entwürfe ) SEEN", []string{"Entwürfe", "Trash/Junk"}, nil},
			{"", "MAILBOX None ALL", nil, []string{"None"}},
			{"Trash", "ALL", []string{"Trash"}, nil},
			{"Trash", "MAILBOX Other ALL", nil, nil},
			{"None", "ALL", nil, []string{"None"}},
			{"inbox", "MAILBOX Inbox ALL", []string{"INBOX"}, nil},
		} {
			there, missing, err := account(t, addr, tt.folder).Mailboxes(parse(t, tt.query))
			if err != nil || !slices.Equal(there, tt.there) || !slices.Equal(missing, tt.missing) {
				t.Errorf("%q, %s: %q, missing %q, %v", tt.folder, tt.query, there, missing, err)
			}
		}
	})
}

// Only what matches goes, whatever others have marked; what they change meanwhile stays.
func TestExpunge(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		const n = 300
		c := peer.IMAP(t, addr, "user1")
		put(t, c, n, func(i int) []imap.Flag {
			if i%3 == 0 {
				return []imap.Flag{imap.FlagDeleted} // by somebody else
			}
			return []imap.Flag{imap.FlagSeen}
		})
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		var gone []uint32
		a := account(t, addr, "")
		a.SetAtOnce(70) // three parts
		err := a.Expunge(t.Context(), "INBOX", parse(t, "MAILBOX INBOX SEEN NOT FLAGGED UID 1:299"), true, func(m remote.Message) {
			if gone = append(gone, m.UID); len(gone) == 1 {
				flag := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}}
				if err := c.Store(imap.UIDSetNum(2, 5), flag, nil).Close(); err != nil {
					t.Error(err)
				}
			}
			if m.Size != 35 {
				t.Errorf("%+v", m)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []uint32
		for uid := uint32(1); uid <= n; uid++ {
			if uid%3 == 1 || uid == 2 || uid == 5 || uid == n {
				want = append(want, uid)
			}
		}
		if got := left(t, addr); !slices.Equal(got, want) {
			t.Errorf("left %v", got)
		}
		if slices.Sort(gone); len(gone) != n-len(want) || slices.Contains(gone, 2) {
			t.Errorf("told of %d that are gone, not of %d: %v", len(gone), n-len(want), gone)
		}
		gone = nil
		err = a.Expunge(t.Context(), "INBOX", parse(t, "MAILBOX INBOX 1:75"), false, func(m remote.Message) { gone = append(gone, m.UID) })
		if got := left(t, addr); err != nil || len(gone) != 75 || !slices.Equal(got, want[75:]) {
			t.Errorf("by numbers: gone %d, left %v, %v", len(gone), got, err)
		}
	})
}

// No command is too long, and all messages are in one.
func TestParts(t *testing.T) {
	a := account(t, memory(t), "")
	var uids []imap.UID
	for i := range 30_000 {
		if i%7 != 0 || i > 20_000 {
			uids = append(uids, imap.UID(4_000_000_000+i))
		}
	}
	parts := a.Parts(uids)
	if got := slices.Concat(parts...); !slices.Equal(got, uids) || len(parts) < 4 || len(a.Parts(nil)) != 0 {
		t.Errorf("%d of %d messages in %d parts", len(got), len(uids), len(parts))
	}
	for _, part := range parts {
		if n := len(imap.UIDSetNum(part...).String()); n > 8000 || len(part) > 4000 || len(part) == 0 {
			t.Errorf("a part of %d messages in %d bytes", len(part), n)
		}
	}
}

// cutter passes a connection on to a server, and cuts it before the n-th line of the client.
type cutter struct {
	addr string
	mu   sync.Mutex
	n    int
}

func (c *cutter) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", c.addr)
			if err != nil {
				client.Close()
				return
			}
			go func() { _, _ = io.Copy(client, server); client.Close() }()
			go c.pass(client, server)
		}
	}()
	return l.Addr().String()
}

func (c *cutter) pass(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.n -= bytes.Count(buf[:n], []byte("\r\n"))
		cut := c.n <= 0
		c.mu.Unlock()
		if cut {
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// Wherever the connection is cut: the error says so, nothing else than what matches is
// gone, and what was told to be gone is.
func TestConnectionCut(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		const n = 20
		c := peer.IMAP(t, addr, "user1")
		marked, unseen := false, 0
		for lines := 3; ; lines++ {
			put(t, c, n, func(i int) []imap.Flag { return [][]imap.Flag{{imap.FlagSeen}, nil}[i%2] })
			cut := &cutter{addr: addr, n: lines}
			u, err := imapurl.Parse("imap://user1@" + cut.listen(t) + "/")
			if err != nil {
				t.Fatal(err)
			}
			a, err := remote.Open(t.Context(), u, peer.Password)
			if err != nil {
				unseen += n / 2
				continue // cut before
			}
			var gone []uint32
			err = a.Expunge(t.Context(), "INBOX", parse(t, "MAILBOX INBOX SEEN SINCE 15h"), true, func(m remote.Message) { gone = append(gone, m.UID) })
			now := left(t, addr)
			for _, uid := range gone {
				if slices.Contains(now, uid) {
					t.Errorf("cut before line %d: %d was told to be gone", lines, uid)
				}
			}
			if unseen += n / 2; len(left(t, addr, imap.FlagSeen)) != unseen {
				t.Errorf("cut before line %d: left %v", lines, now)
			}
			if err == nil {
				if len(gone) == 0 {
					t.Error("nothing is gone in the end")
				}
				break
			}
			if !errors.Is(err, remote.ErrLost) || len(gone) > 0 {
				t.Errorf("cut before line %d: %v; told of %v", lines, err, gone)
			}
			marked = marked || strings.Contains(err.Error(), "messages may be left marked")
			if lines > 40 {
				t.Fatal("it is always cut")
			}
		}
		if !marked {
			t.Error("no error told of messages that are left marked for deletion")
		}
	})
}

// A run that is told to stop stops.
func TestStopped(t *testing.T) {
	addr := memory(t, imap.CapUIDPlus)
	put(t, peer.IMAP(t, addr, "user1"), 3, nil)
	ctx, cancel := context.WithCancel(t.Context())
	u, err := imapurl.Parse("imap://user1@" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	a, err := remote.Open(ctx, u, peer.Password)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := a.Expunge(ctx, "INBOX", parse(t, "MAILBOX INBOX ALL"), false, func(remote.Message) {}); err == nil || len(left(t, addr)) != 3 {
		t.Errorf("%v", err)
	}
}
