package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
)

// watching starts learnd with rspamd behind it, which looks at folders all the
// time, and waits for the first look. More is added to its table [learn].
func (m *taught) watching(d *peer.Dovecot, r *peer.Rspamd, more string) *learnd {
	m.t.Helper()
	l := m.learnd(d, m.rspamd(r)+fmt.Sprintf("watch_interval = \"200 ms\"\nwatch_dir = \"%s/watch\"\n%s", m.dir, more))
	l.eventually("users that were looked at", "2", func() string {
		files, _ := filepath.Glob(m.dir + "/watch/*.json")
		return fmt.Sprint(len(files))
	})
	return l
}

// counts waits until rspamd has learned so much spam and ham.
func (l *learnd) counts(r *peer.Rspamd, want string) {
	l.t.Helper()
	l.eventually("spam and ham that rspamd has learned", want, func() string {
		spam, ham := r.Counts("")
		return fmt.Sprint(spam, ham)
	})
}

// learned waits until rspamd has taken so many: it counts a lesson after redis has it.
func (l *learnd) learned(r *peer.Rspamd, want int) {
	l.t.Helper()
	l.eventually("lessons that rspamd has taken", fmt.Sprint(want), func() string { return fmt.Sprint(r.Learned()) })
}

// What users do over IMAP is seen in their folders, without imapsieve; what is
// delivered as spam or deleted teaches nothing.
func TestWatch(t *testing.T) {
	for _, v := range dovecots {
		t.Run(v.name, func(t *testing.T) {
			peer.Need(t, peer.Root, peer.RspamdRedis)
			m := newTaught(t)
			m.location = siteLocation
			d := v.start(t, peer.DovecotOptions{Users: peer.OwnUIDs(2), Mailboxes: quoted(folders), MailLocation: m.location, Personal: `
require "fileinto";
if header "X-Spam-Flag" "YES" { fileinto "Spam"; }`})
			r := peer.StartRspamd(t, peer.RspamdOptions{})
			c, mail := newClient(t, d, "user1"), corpus.New(8)
			// One that came long ago: a keyword that a message gets as soon as it is there is
			// taken for the work of a script.
			name := fmt.Sprintf(".Maildir/INBOX/new/%d.M1P1.host", time.Now().Add(-3*time.Hour).Unix())
			c.append("INBOX", "first") // makes the folder
			peer.WriteFile(t, filepath.Join(d.Home("user1"), name), nameField+": old\n"+string(mail.Spam(1)), d.User("user1"))
			for i := range 3 {
				c.appendText("INBOX", fmt.Sprint("spam", i), string(mail.Spam(i)))
				c.appendText("Spam", fmt.Sprint("ham", i), string(mail.Ham(i)))
			}
			l := m.watching(d, r, "")
			// Another user sets a link to this user's folder.
			m.check(os.RemoveAll(d.Home("user2") + "/.Maildir/Spam"))
			m.check(os.MkdirAll(d.Home("user2")+"/.Maildir", 0o755))
			m.check(os.Symlink(d.Home("user1")+"/.Maildir/Spam", d.Home("user2")+"/.Maildir/Spam"))
			c.move("INBOX", "spam0", "Spam")
			l.counts(r, "1 0")
			l.eventually("the link is told of", "true", func() string {
				log := l.process.Output(t)
				return fmt.Sprint(strings.Contains(log, "watching folders\" user=user2") && strings.Contains(log, "permission denied"))
			})
			c.move("Spam", "ham0", "INBOX")
			l.counts(r, "1 1")
			c.copy("Spam", "ham1", "INBOX")
			c.check(c.Store(c.find("Spam", "ham1"), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close())
			l.counts(r, "1 2")

			c.move("Spam", "ham2", "Trash")
			c.check(c.Store(c.find("Spam", "spam0"), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close())
			c.check(c.Expunge().Close())
			filed := "X-Spam-Flag: YES\r\n" + string(mail.Spam(10))
			for _, text := range []string{filed, string(mail.Ham(10))} {
				if err := peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{"user1@example.org"}, text)[0]; err != nil {
					t.Fatal(err)
				}
			}
			c.check(c.Store(c.find("INBOX", "old"), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{"$Junk"}}, nil).Close())
			l.counts(r, "2 2")
			c.check(c.Store(c.find("INBOX", "old"), &imap.StoreFlags{Op: imap.StoreFlagsSet, Flags: []imap.Flag{"$NotJunk"}}, nil).Close())
			l.counts(r, "1 3")

			// What changes while learnd does not run is seen when it does again.
			l.process.Kill()
			c.move("INBOX", "spam2", "Spam")
			l.start()
			l.counts(r, "2 3")
			l.learned(r, 6)
			if log := l.process.Output(t); strings.Contains(log, "msg=lesson user=user2") {
				t.Errorf("a lesson of the link:\n%s", log)
			}
		})
	}
}

// What an event and the folders say is taught once.
func TestWatchAndEvents(t *testing.T) {
	peer.Need(t, peer.Root, peer.RspamdRedis)
	m := newTaught(t)
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OwnUIDs(2), Mailboxes: quoted(folders), Extra: m.pieces(dovecots[0].conf)})
	r := peer.StartRspamd(t, peer.RspamdOptions{})
	c, mail := newClient(t, d, "user1"), corpus.New(9)
	c.appendText("INBOX", "spam", string(mail.Spam(0)))
	l := m.watching(d, r, fmt.Sprintf("socket_dirs = [%q]\n", m.dir+"/sockets"))
	twice := func(counts, class string) {
		t.Helper()
		l.counts(r, counts)
		l.eventually("origins of the lessons", "[event watch]", func() string {
			var origins []string
			for line := range strings.Lines(l.process.Output(t)) {
				for _, origin := range []string{"event", "watch"} {
					if strings.Contains(line, "msg=lesson") && strings.Contains(line, "class="+class) && strings.Contains(line, "origin="+origin) {
						origins = append(origins, origin)
					}
				}
			}
			slices.Sort(origins)
			return fmt.Sprint(slices.Compact(origins))
		})
		l.counts(r, counts)
	}
	c.move("INBOX", "spam", "Spam")
	twice("1 0", "spam")
	c.move("Spam", "spam", "INBOX")
	twice("0 1", "ham")
	l.learned(r, 2)
}
