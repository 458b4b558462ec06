package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dovetail/internal/fsx"
	"dovetail/internal/peer"
	"dovetail/learn/queue"
)

// dovecots are the two generations, with the file of scripts/dovecot for each.
var dovecots = []struct {
	name  string
	start func(peer.T, peer.DovecotOptions) *peer.Dovecot
	conf  string
}{
	{"2.3", peer.StartDovecot, "2.3/95-dovetail-learn.conf"},
	{"2.4", peer.StartDovecot24, "2.4/95-dovetail-learn.conf"},
}

// taught is a machine where Dovecot tells dovetail what users move.
type taught struct {
	t        *testing.T
	dir      string
	config   string // dovetail's
	location string // of mail; empty: plainLocation
	queue    *queue.Queue
}

// newTaught puts the programs and a queue for users of several uids into a folder.
func newTaught(t *testing.T) *taught {
	t.Helper()
	peer.Need(t, peer.Root)
	dir := peer.Dir(t)
	m := &taught{t: t, dir: dir, config: filepath.Join(dir, "dovetail.toml")}
	for _, sub := range []string{"bin", "imapsieve", "sockets"} {
		m.check(os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	m.check(queue.Make(filepath.Join(dir, "queue"), queue.ModeShared))
	var err error
	m.queue, err = queue.Open(filepath.Join(dir, "queue"), fsx.OS{})
	m.check(err)
	m.write("")
	for _, class := range []string{"spam", "ham"} {
		for _, name := range []string{"learn-" + class, "sa-learn-" + class + ".sh"} {
			m.program(name, fmt.Sprintf("exec %s -c %s \"$@\"", binary("learn-"+class), m.config))
		}
	}
	return m
}

// write writes dovetail's configuration.
func (m *taught) write(extra string) {
	m.t.Helper()
	m.check(os.WriteFile(m.config, []byte("[learn]\nqueue_dir = \""+m.dir+"/queue\"\n"+extra), 0o644))
}

// program writes a shell script where Sieve looks for programs.
func (m *taught) program(name, script string) {
	m.t.Helper()
	path := filepath.Join(m.dir, "bin", name)
	m.check(os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}

func (m *taught) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// pieces gives a file of scripts/dovecot with the folders of the test, and puts the
// scripts there as they are.
func (m *taught) pieces(conf string) string {
	m.t.Helper()
	for _, name := range []string{"report-spam.sieve", "report-ham.sieve"} {
		text, err := os.ReadFile("../scripts/dovecot/" + name)
		m.check(err)
		m.check(os.WriteFile(filepath.Join(m.dir, "imapsieve", name), text, 0o644))
	}
	text, err := os.ReadFile("../scripts/dovecot/" + conf)
	m.check(err)
	return m.here(string(text))
}

// here puts the test's folders in place of those of an installation.
func (m *taught) here(conf string) string {
	return strings.NewReplacer("/etc/dovecot/imapsieve", m.dir+"/imapsieve", "/usr/local/lib/dovecot", m.dir+"/bin",
		"= ../dovetail/learn", "= ../../"+filepath.Base(m.dir)+"/sockets").Replace(conf) // base_dir is a folder beside it
}

// lessons empties the queue and gives its lessons, a line for each.
func (m *taught) lessons() []string {
	m.t.Helper()
	entries, err := m.queue.List()
	m.check(err)
	var lines []string
	for _, e := range entries {
		m.check(e.Err)
		l, message, closer, err := m.queue.Message(e.ID)
		m.check(err)
		text, err := io.ReadAll(message.Open())
		m.check(err)
		closer.Close()
		_, subject, _ := strings.Cut(string(text), "Subject: ")
		subject, _, _ = strings.Cut(subject, "\n")
		lines = append(lines, fmt.Sprintf("%s %s %s %s %q %q", l.User, l.Class, subject, l.Cause, l.From, l.To))
		m.check(m.queue.Remove(e.ID))
	}
	return lines
}

// client is an IMAP client of a user.
type client struct {
	*imapclient.Client
	t *testing.T
}

func newClient(t *testing.T, d *peer.Dovecot, user string) client {
	t.Helper()
	return client{peer.IMAP(t, d.IMAPAddr, user), t}
}

func (c client) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// append stores a message that came some time ago.
func (c client) append(box, subject string) {
	c.t.Helper()
	c.appendText(box, subject, "From: a@example.net\r\nTo: user1@example.org\r\nSubject: "+subject+"\r\n\r\nThe text of "+subject+"\r\n")
}

// appendText stores a message that find finds by its name.
func (c client) appendText(box, name, text string) {
	c.t.Helper()
	text = nameField + ": " + name + "\r\n" + text
	cmd := c.Append(box, int64(len(text)), &imap.AppendOptions{Time: time.Now().Add(-3 * time.Hour)})
	_, err := cmd.Write([]byte(text))
	c.check(err)
	c.check(cmd.Close())
	_, err = cmd.Wait()
	c.check(err)
}

// nameField holds the names of messages.
const nameField = "X-Test"

// search selects a mailbox and looks for the messages of a name.
func (c client) search(box, name string) *imap.SearchData {
	c.t.Helper()
	_, err := c.Select(box, nil).Wait()
	c.check(err)
	found, err := c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: nameField, Value: name}}}, nil).Wait()
	c.check(err)
	return found
}

// find gives the messages of a name in a mailbox, which must be there.
func (c client) find(box, name string) imap.NumSet {
	c.t.Helper()
	found := c.search(box, name)
	if len(found.AllUIDs()) == 0 {
		c.t.Fatalf("no message %q in %s", name, box)
	}
	return found.All
}

func (c client) copy(box, name, to string) {
	c.t.Helper()
	_, err := c.Copy(c.find(box, name), to).Wait()
	c.check(err)
}

func (c client) move(box, name, to string) {
	c.t.Helper()
	_, err := c.Move(c.find(box, name), to).Wait()
	c.check(err)
}

// count gives the number of messages of a name in a mailbox.
func (c client) count(box, name string) int {
	c.t.Helper()
	return len(c.search(box, name).AllUIDs())
}

var folders = []string{"Spam", "Junk", "Trash", "Sent", "Entwürfe und mehr"}

// What an IMAP client does ends in the queue as the table of scripts/dovecot says,
// with the files of that folder as they are.
func TestImapsieve(t *testing.T) {
	for _, v := range dovecots {
		t.Run(v.name, func(t *testing.T) {
			m := newTaught(t)
			d := v.start(t, peer.DovecotOptions{Users: peer.OwnUIDs(2), Mailboxes: quoted(folders), Extra: m.pieces(v.conf)})
			c := newClient(t, d, "user1")
			expect := func(what string, want ...string) {
				t.Helper()
				if got := m.lessons(); !slices.Equal(got, want) {
					t.Errorf("%s: lessons %q, want %q", what, got, want)
				}
			}
			for _, subject := range []string{"one", "two", "three"} {
				c.append("INBOX", subject)
			}
			expect("APPEND to INBOX")
			c.append("Spam", "four")
			expect("APPEND to Spam", `user1 spam four APPEND "" "Spam"`)
			c.copy("INBOX", "one", "Spam")
			expect("COPY INBOX Spam", `user1 spam one COPY "INBOX" "Spam"`)
			c.move("INBOX", "two", "Junk")
			expect("MOVE INBOX Junk", `user1 spam two COPY "INBOX" "Junk"`)
			c.copy("Spam", "one", "Spam")
			expect("COPY Spam Spam")
			c.move("Spam", "four", "Junk")
			expect("MOVE Spam Junk")
			c.copy("Junk", "two", "Trash")
			expect("COPY Junk Trash")
			c.move("Junk", "two", "Trash")
			expect("MOVE Junk Trash")
			for end := time.Now().Add(patience); !strings.Contains(d.Log(), `left out for user1: Trash is the trash`); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("nothing in Dovecot's log of what a rule left out:\n%s", d.Log())
				}
			}
			c.copy("Junk", "four", "INBOX")
			expect("COPY Junk INBOX", `user1 ham four COPY "Junk" "INBOX"`)
			c.move("Junk", "four", folders[4])
			expect("MOVE Junk to another folder", fmt.Sprintf("user1 ham four COPY %q %q", "Junk", folders[4]))
			c.move(folders[4], "four", "Spam")
			expect("MOVE from there", fmt.Sprintf("user1 spam four COPY %q %q", folders[4], "Spam"))
			c.move("Spam", "four", "Sent")
			expect("MOVE Spam Sent")
			c.copy("INBOX", "three", "Trash")
			expect("COPY INBOX Trash")
			newClient(t, d, "user2").append("Spam", "of another")
			expect("APPEND of another user", `user2 spam of another APPEND "" "Spam"`)

			// Whatever the programs do, the client's command is done.
			m.check(os.Rename(m.dir+"/queue", m.dir+"/away"))
			c.move("INBOX", "three", "Spam")
			m.check(os.Rename(m.dir+"/away", m.dir+"/queue"))
			expect("no queue")
			// A socket that nobody listens at any more.
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: m.dir + "/sockets/learn-spam"})
			m.check(err)
			l.SetUnlinkOnClose(false)
			m.check(l.Close())
			c.move("INBOX", "four", "Spam")
			expect("nobody at the socket", `user1 spam four COPY "INBOX" "Spam"`)
			m.check(os.RemoveAll(m.dir + "/bin"))
			c.move("Spam", "four", "INBOX")
			if c.count("Spam", "three") != 1 || c.count("INBOX", "three") != 0 || c.count("INBOX", "four") != 1 {
				t.Error("a move was not done")
			}
			expect("no programs")
		})
	}
}

// quoted puts names into quotes, for the configuration.
func quoted(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, `"`+name+`"`)
	}
	return list
}

// oldScripts gives the scripts that a site has from before, unchanged, with their rules
// under two numbers.
func (m *taught) oldScripts(spam, ham int) string {
	m.t.Helper()
	for _, name := range []string{"report-spam.sieve", "report-ham.sieve"} {
		m.check(os.WriteFile(filepath.Join(m.dir, "imapsieve", name), []byte(testdata(m.t, "site/"+name)), 0o644))
	}
	return m.here(fmt.Sprintf(`
protocol imap {
  mail_plugins = $mail_plugins imap_sieve
}
plugin {
  sieve_plugins = sieve_imapsieve sieve_extprograms
  imapsieve_mailbox%[1]d_name = Spam
  imapsieve_mailbox%[1]d_causes = COPY APPEND
  imapsieve_mailbox%[1]d_before = file:/etc/dovecot/imapsieve/report-spam.sieve
  imapsieve_mailbox%[2]d_name = *
  imapsieve_mailbox%[2]d_from = Spam
  imapsieve_mailbox%[2]d_causes = COPY
  imapsieve_mailbox%[2]d_before = file:/etc/dovecot/imapsieve/report-ham.sieve
  sieve_pipe_bin_dir = /usr/local/lib/dovecot
}
`, spam, ham))
}

// They tell the user alone, so a copy within the junk folder, which fires both rules, is
// what was said last: ham, unless the rule of ham comes first.
func TestOldReportScripts(t *testing.T) {
	for name, rules := range map[string]struct {
		spam, ham int
		within    []string
	}{
		"spam first": {1, 2, []string{"spam", "ham"}},
		"ham first":  {2, 1, []string{"ham", "spam"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTaught(t)
			d := peer.StartDovecot(t, peer.DovecotOptions{Users: peer.OneUID(1), Mailboxes: quoted(folders), Extra: m.oldScripts(rules.spam, rules.ham)})
			c := newClient(t, d, "user1")
			expect := func(what string, classes ...string) {
				t.Helper()
				var want []string
				for _, class := range classes {
					want = append(want, "user1 "+class+` one  "" ""`)
				}
				if got := m.lessons(); !slices.Equal(got, want) {
					t.Errorf("%s: lessons %q, want %q", what, got, want)
				}
			}
			c.append("INBOX", "one")
			c.move("INBOX", "one", "Spam")
			c.copy("Spam", "one", "Trash")
			c.move("Spam", "one", "INBOX")
			expect("there and back", "spam", "ham")
			c.move("INBOX", "one", "Spam")
			expect("MOVE INBOX Spam", "spam")
			c.copy("Spam", "one", "Spam")
			expect("COPY Spam Spam", rules.within...)
		})
	}
}
