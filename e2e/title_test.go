package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail"
	"dovetail/internal/peer"
)

// pair is a version of Dovecot and how mail lies there.
type pair struct {
	name     string
	start    func(peer.T, peer.DovecotOptions) *peer.Dovecot
	location string
}

var pairs = []pair{
	{"Dovecot 2.3, layout fs", peer.StartDovecot, siteLocation},
	{"Dovecot 2.4, Maildir++", peer.StartDovecot24, plainLocation},
}

var bert = peer.User{Name: "bert", UID: peer.MailUID, GID: peer.MailUID}

// A message sent by SMTP to a real Exim is handed over by LMTP, marked by the
// site's script, filed by the user's, and read over IMAP from a real Dovecot.
func TestMessageTravels(t *testing.T) {
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			d := p.start(t, peer.DovecotOptions{Users: []peer.User{bert}, MailLocation: p.location})
			s := withDovecot(t, d, []peer.User{bert}, p.location)
			s.siteScripts()
			s.script(testdata(t, "site/dovecot.sieve"), "bert")
			s.start()
			e := peer.StartExim(t, peer.EximOptions{LMTPSocket: s.socket})
			begin := time.Now()
			for _, name := range demoMessages(t) {
				e.Send("sender@example.net", []string{"bert+detail@example.org"}, testdata(t, "demo/"+name))
			}
			e.WaitQueueEmpty(patience)
			checkTravelled(t, s, d, begin)
			s.sound("bert", 0)
			if out := e.Outside(); len(out) != 0 {
				t.Errorf("bounces:\n%s", out)
			}
		})
	}
}

func demoMessages(t *testing.T) []string {
	t.Helper()
	entries, err := dovetail.Testdata.ReadDir("testdata/demo")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".eml") {
			names = append(names, e.Name())
		}
	}
	return names
}

// checkTravelled compares what IMAP shows with what the scripts say.
func checkTravelled(t *testing.T, s *site, d *peer.Dovecot, begin time.Time) {
	t.Helper()
	c := peer.IMAP(t, d.IMAPAddr, "bert")
	inbox, spam := fetch(t, c, "INBOX"), fetch(t, c, "Spam")
	marks := map[string]string{}
	for _, m := range inbox {
		marks[m.Envelope.Subject] = m.mark()
		if len(m.flags()) != 0 {
			t.Errorf("INBOX: %q has the flags %v", m.Envelope.Subject, m.Flags)
		}
	}
	want := map[string]string{
		"Lunch on Thursday": "", "Cron <root@host> run-parts /etc/cron.daily": "Sysadmin",
		"Neue Erwähnung": "SocialNetwork", "New upload": "Cpu", "Offer of the week": "",
	}
	if fmt.Sprint(marks) != fmt.Sprint(want) {
		t.Errorf("INBOX holds, with their marks, %q\nwant %q", marks, want)
	}
	if len(spam) != 1 {
		t.Fatalf("%d messages in Spam, want 1 (the one for undisclosed recipients is dropped)", len(spam))
	}
	if m := spam[0]; m.Envelope.Subject != "You have won" || m.mark() != "Spam" || !slices.Equal(m.flags(), []imap.Flag{"Junk"}) {
		t.Errorf("Spam: %q, mark %q, flags %v", m.Envelope.Subject, m.mark(), m.Flags)
	}
	for _, m := range append(inbox, spam...) {
		if at := m.InternalDate; at.Before(begin.Truncate(time.Second)) || at.After(time.Now()) {
			t.Errorf("%q: INTERNALDATE %v", m.Envelope.Subject, at)
		}
		if !strings.HasPrefix(m.head, "Return-Path: <sender@example.net>\r\nDelivered-To: bert@example.org\r\n") {
			if m.mark() == "" || !strings.Contains(m.head, "\r\nReturn-Path: <sender@example.net>\r\nDelivered-To: bert@example.org\r\n") {
				t.Errorf("%q begins with\n%s", m.Envelope.Subject, m.head)
			}
		}
		if strings.Contains(m.head, "with LMTP") {
			t.Errorf("%q has a Received field of this hop", m.Envelope.Subject)
		}
	}
	runs := s.runs("sa-learn-spam.sh")
	if len(runs) != 2 {
		t.Errorf("the learning program ran %d times, want once for each spam", len(runs))
	}
	for _, run := range runs {
		begin := fmt.Sprintf("uid=%d gid=%d ", bert.UID, bert.GID)
		if !strings.HasPrefix(run, begin) || !strings.Contains(run, "USER=bert HOME="+s.home("bert")+" SENDER=sender@example.net ") ||
			!strings.Contains(run, "Subject: You have won") {
			t.Errorf("the learning program got\n%s", run)
		}
	}
}

// fetched is a message as IMAP shows it.
type fetched struct {
	*imapclient.FetchMessageBuffer
	head string // the whole header
}

// mark is the value of X-Sieve-Mark, which occurs once at most.
func (m fetched) mark() string {
	_, rest, _ := strings.Cut("\r\n"+m.head, "\r\nX-Sieve-Mark: ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// flags are the flags without \Recent.
func (m fetched) flags() []imap.Flag {
	return slices.DeleteFunc(slices.Clone(m.Flags), func(f imap.Flag) bool { return f == `\Recent` })
}

// fetch reads all messages of a folder without changing their flags.
func fetch(t *testing.T, c *imapclient.Client, folder string) []fetched {
	t.Helper()
	selected, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("selecting %s: %v", folder, err)
	}
	if selected.NumMessages == 0 {
		return nil
	}
	header := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, Peek: true}
	all := imap.SeqSet{}
	all.AddRange(1, 0)
	messages, err := c.Fetch(all, &imap.FetchOptions{Flags: true, Envelope: true, InternalDate: true,
		BodySection: []*imap.FetchItemBodySection{header}}).Collect()
	if err != nil {
		t.Fatalf("fetching %s: %v", folder, err)
	}
	var result []fetched
	for _, m := range messages {
		result = append(result, fetched{m, string(m.FindBodySection(header))})
	}
	return result
}

// A learning program that fails leaves the spam in Spam, once, and nothing in
// INBOX; the client is told that it is delivered.
func TestLearningFails(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.siteScripts()
	s.script(testdata(t, "site/dovecot.sieve"), "bert")
	s.file(filepath.Join(s.learned, "fail"), "", 0o644)
	s.start()
	if err := s.deliver("bert", testdata(t, "demo/02-spam.eml")); err != nil {
		t.Errorf("answer %v", err)
	}
	s.count("bert", "Spam", 1)
	s.count("bert", "INBOX", 0)
	if runs := s.runs("sa-learn-spam.sh"); len(runs) != 1 {
		t.Errorf("the learning program ran %d times", len(runs))
	}
	s.logged("cannot learn") // what it said on standard error
}
