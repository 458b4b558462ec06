package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
)

// learnd is a running dovetail-learnd.
type learnd struct {
	*taught
	process *peer.Process
	log     string
}

// learnd starts dovetail-learnd for the users of a Dovecot. More is added to its
// configuration's table [learn].
func (m *taught) learnd(d *peer.Dovecot, more string) *learnd {
	m.t.Helper()
	m.write(fmt.Sprintf(`status_file = "%[1]s/status"
%[2]s
[userdb]
driver = "passwd-file"
path = "%[3]s/users"
[mail]
mail_location = %[4]q
[state]
url = "sqlite:%[1]s/state.db"
`, m.dir, more, d.Dir, cmp.Or(m.location, plainLocation)))
	l := &learnd{taught: m, log: filepath.Join(m.dir, "learnd.log")}
	l.start()
	return l
}

func (l *learnd) start() {
	l.t.Helper()
	text, err := os.ReadFile(l.log)
	if !errors.Is(err, fs.ErrNotExist) {
		l.check(err)
	}
	before := strings.Count(string(text), "msg=ready")
	l.process = peer.StartProcess(l.t, l.log, binary("dovetail-learnd"), "-c", l.config)
	l.process.WaitReady(l.t, func() error {
		if strings.Count(l.process.Output(l.t), "msg=ready") <= before {
			return fmt.Errorf("not ready")
		}
		return nil
	})
}

// eventually waits until got gives want.
func (l *learnd) eventually(what string, want string, got func() string) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		now := got()
		if now == want {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: %s, want %s\n%s", what, now, want, l.process.Output(l.t))
		}
	}
}

// From an IMAP client over Dovecot, its sockets or programs, the queue and learnd
// to rspamd: its counts and its verdicts are those of what the user did.
func TestImapsieveToRspamd(t *testing.T) {
	for i, v := range dovecots {
		sockets := i == 1
		t.Run(fmt.Sprintf("%s, sockets %t", v.name, sockets), func(t *testing.T) {
			peer.Need(t, peer.Root, peer.RspamdRedis)
			m := newTaught(t)
			d := v.start(t, peer.DovecotOptions{Users: peer.OwnUIDs(2), Mailboxes: quoted(folders), Extra: m.pieces(v.conf)})
			r := peer.StartRspamd(t, peer.RspamdOptions{PerUser: true})
			more := m.rspamd(r)
			if sockets {
				more += fmt.Sprintf("socket_dirs = [%q]\n", m.dir+"/sockets")
				m.check(os.RemoveAll(m.dir + "/bin")) // no program is needed
			}
			moves(t, m.learnd(d, more), d, r)
		})
	}
}

// The same with the scripts that a site has from before, where the rule of ham comes
// first, so that a copy within the junk folder leaves a message spam.
func TestImapsieveOldScriptsToRspamd(t *testing.T) {
	peer.Need(t, peer.Root, peer.RspamdRedis)
	m := newTaught(t)
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OwnUIDs(2), Mailboxes: quoted(folders), Extra: m.oldScripts(2, 1)})
	r := peer.StartRspamd(t, peer.RspamdOptions{})
	l := m.learnd(d, m.rspamd(r))
	c, mail := newClient(t, d, "user1"), corpus.New(10)
	c.appendText("INBOX", "one", string(mail.Spam(1)))
	c.move("INBOX", "one", "Spam")
	l.counts(r, "1 0")
	c.appendText("Spam", "two", string(mail.Spam(2)))
	l.counts(r, "2 0")
	c.copy("Spam", "two", "INBOX")
	l.counts(r, "1 1")
	c.move("INBOX", "two", "Spam")
	l.counts(r, "2 0")
	l.learned(r, 4)
	c.copy("Spam", "one", "Trash")
	c.copy("Spam", "one", "Spam")
	c.appendText("Spam", "three", string(mail.Spam(3)))
	l.counts(r, "3 0") // of the last one, and what was before it is through
	l.eventually("lessons that rspamd has taken: 5, or 7 where it was told of the copy, too, that it is ham and spam again", "true", func() string {
		n := r.Learned()
		return fmt.Sprint(n == 5 || n == 7)
	})
}

// rspamd gives the lines of [learn] for a rspamd.
func (m *taught) rspamd(r *peer.Rspamd) string {
	m.t.Helper()
	m.check(os.WriteFile(m.dir+"/password", []byte(peer.Password+"\n"), 0o600))
	return fmt.Sprintf("backends = [\"rspamd\"]\nrspamd = { url = \"http://%s\", password_file = \"%s/password\" }\n", r.Addr, m.dir)
}

func moves(t *testing.T, l *learnd, d *peer.Dovecot, r *peer.Rspamd) {
	c, mail := newClient(t, d, "user1"), corpus.New(7)
	counts := func(want string) {
		t.Helper()
		l.eventually("spam and ham that rspamd has learned", want, func() string {
			spam, ham := r.Counts("user1")
			return fmt.Sprint(spam, ham)
		})
	}
	for i := range 3 {
		c.appendText("INBOX", fmt.Sprint("spam", i), string(mail.Spam(i)))
		c.move("INBOX", fmt.Sprint("spam", i), "Spam")
	}
	counts("3 0")
	for i := range 3 {
		c.appendText("Spam", fmt.Sprint("ham", i), string(mail.Ham(i)))
	}
	counts("6 0")
	for i := range 3 {
		c.move("Spam", fmt.Sprint("ham", i), "INBOX")
	}
	counts("3 3")
	for class, message := range map[string][]byte{"spam": mail.Spam(20), "ham": mail.Ham(20)} {
		if got := r.Verdict("user1", message); got != class {
			t.Errorf("%s is %q for rspamd", class, got)
		}
	}

	// What is known, and what goes to the trash, is not sent.
	l.learned(r, 9)
	c.copy("Spam", "spam0", "Spam")
	c.copy("Spam", "spam0", "INBOX")
	counts("2 4")
	c.move("INBOX", "spam0", "Spam")
	counts("3 3")
	c.copy("Spam", "spam1", "Trash")
	c.move("Spam", "spam2", "Trash")
	c.appendText("Spam", "spam1 again", string(mail.Spam(30)))
	counts("4 3") // of the last one alone, and what was before it is through
	l.learned(r, 12)

	// While rspamd is down the client does not notice.
	r.Stop()
	c.appendText("INBOX", "late", string(mail.Spam(31)))
	c.move("INBOX", "late", "Spam")
	if c.count("Spam", "late") != 1 || c.count("INBOX", "late") != 0 {
		t.Error("the move was not done")
	}
	r.Start()
	counts("5 3")
	if spam, ham := r.Counts("user2"); spam+ham > 0 {
		t.Errorf("learned for another user: %d, %d", spam, ham)
	}
}
