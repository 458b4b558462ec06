package peer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"dovetail/internal/peer"
)

const message = "From: a@example.net\r\nTo: user1@example.org\r\nSubject: hello\r\n\r\nText.\r\n"

type start func(peer.T, peer.DovecotOptions) *peer.Dovecot

var versions = map[string]start{"2.3": peer.StartDovecot, "2.4": peer.StartDovecot24}

// Each Dovecot takes a message by LMTP, runs the site's script and the user's
// over it, stores it in the Maildir of the user, and shows it by IMAP.
func TestDovecot(t *testing.T) {
	for version, start := range versions {
		t.Run(version, func(t *testing.T) {
			d := start(t, peer.DovecotOptions{
				Users:        peer.OwnUIDs(2),
				MailLocation: "maildir:~/.Maildir:LAYOUT=fs:INBOX=~/.Maildir/INBOX",
				SieveBefore:  siteScript(t),
				Personal:     `require "fileinto"; if header :is "X-Mark" "yes" { fileinto "Marked"; }`,
			})
			for i, err := range peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net",
				[]string{"user1@example.org", "nobody@example.org"}, message) {
				if (err != nil) != (i == 1) {
					t.Errorf("recipient %d: %v", i+1, err)
				}
			}
			c := peer.IMAP(t, d.IMAPAddr, "user1")
			if status, err := c.Status("Marked", &imap.StatusOptions{NumMessages: true}).Wait(); err != nil || *status.NumMessages != 1 {
				t.Errorf("folder Marked: %+v, %v", status, err)
			}
			if files, _ := filepath.Glob(filepath.Join(d.Home("user1"), ".Maildir/Marked/new/*")); len(files) != 1 {
				t.Errorf("files of the folder Marked: %v", files)
			}
			if out := d.Doveadm("fetch", "-u", "user1", "hdr.subject", "mailbox", "Marked"); !strings.Contains(out, "hello") {
				t.Errorf("doveadm says %q", out)
			}
			if _, err := d.TryDoveadm("mailbox", "status", "-u", "user1", "messages", "Missing"); err == nil {
				t.Error("doveadm knows a folder that does not exist")
			}
		})
	}
}

func siteScript(t *testing.T) string {
	dir := peer.Dir(t)
	script := "require \"editheader\";\naddheader \"X-Mark\" \"yes\";\n"
	if err := os.WriteFile(filepath.Join(dir, "10_mark.sieve"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Quota and the refusal of unknown folders are set up in each Dovecot.
func TestDovecotQuota(t *testing.T) {
	for version, start := range versions {
		t.Run(version, func(t *testing.T) {
			d := start(t, peer.DovecotOptions{Users: peer.OneUID(1), Quota: "*:storage=1k", NoAutocreate: true})
			big := message + strings.Repeat("x", 4096) + "\r\n"
			if err := peer.DeliverLMTP(t, "tcp:"+d.LMTPAddr, "a@example.net", []string{"user1"}, big)[0]; err == nil {
				t.Error("a message larger than the quota was stored")
			}
		})
	}
}

// A line in Dovecot's log that tells of a damaged mailbox fails the test.
func TestDovecotReportsDamage(t *testing.T) {
	rec := &recorder{T: t}
	d := peer.StartDovecot(rec, peer.DovecotOptions{Users: peer.OneUID(1)})
	peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{"user1"}, message)
	list := filepath.Join(d.Home("user1"), "Maildir/dovecot-uidlist")
	if err := os.WriteFile(list, []byte("3 V1 N1\n9 :nonsense\n9 :again\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = d.TryDoveadm("mailbox", "status", "-u", "user1", "messages", "INBOX")
	rec.cleanup()
	if !slices.ContainsFunc(rec.errors, func(s string) bool { return strings.Contains(s, "dovecot-uidlist") }) {
		t.Errorf("the log tells nothing of a broken uidlist: %q\n%s", rec.errors, d.Log())
	}
}

// recorder keeps what would fail a test.
type recorder struct {
	*testing.T
	errors  []string
	cleaned []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, strings.TrimSpace(strings.Join([]string{format, sprint(args)}, " ")))
}
func (r *recorder) Cleanup(f func()) { r.cleaned = append(r.cleaned, f) }
func (r *recorder) cleanup() {
	for _, f := range slices.Backward(r.cleaned) {
		f()
	}
}

func sprint(args []any) string {
	var parts []string
	for _, a := range args {
		if s, ok := a.(string); ok {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

// Exim hands mail for its domain to a Dovecot by LMTP, bounces what that
// refuses, and keeps what is for others.
func TestExim(t *testing.T) {
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1)})
	e := peer.StartExim(t, peer.EximOptions{LMTPSocket: d.LMTPSocket})
	e.Send("a@example.net", []string{"user1+box@example.org", "nobody@example.org", "b@example.com"}, message)
	e.WaitQueueEmpty(30 * time.Second)

	if out := d.Doveadm("fetch", "-u", "user1", "hdr.subject", "mailbox", "INBOX"); !strings.Contains(out, "hello") {
		t.Errorf("not delivered: %q\n%s", out, e.MainLog())
	}
	var bounced, passed bool
	for _, m := range e.Outside() {
		bounced = bounced || strings.Contains(m, "Envelope-to: a@example.net") && strings.Contains(m, "nobody@example.org")
		passed = passed || strings.Contains(m, "Envelope-to: b@example.com")
	}
	if !bounced || !passed {
		t.Errorf("bounced %v, passed on %v\n%s", bounced, passed, e.MainLog())
	}
}

func TestUsage(t *testing.T) {
	p := peer.StartProcess(t, filepath.Join(t.TempDir(), "log"), "/bin/sh", "-c", "while :; do :; done")
	p.WaitReady(t, func() error { return nil })
	for {
		u, err := p.Usage()
		if err != nil || !p.Running() {
			t.Fatalf("%+v, %v", u, err)
		}
		if u.CPU > 0 && u.PSS > 0 {
			break
		}
	}
}
