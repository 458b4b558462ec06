package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dovetail/internal/peer"
)

// lda runs dovetail-lda over a message, as root or as a mail user.
func (s *site) lda(as *peer.User, message string, args ...string) (status int, stderr string) {
	s.t.Helper()
	cmd := exec.Command(binary("dovetail-lda"), append([]string{"-c", s.config()}, args...)...)
	cmd.Stdin = strings.NewReader(message)
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Dir = "/"
	if as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(as.UID), Gid: uint32(as.GID)}}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("running dovetail-lda: %v", err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// dovetail-lda takes dovecot-lda's flags, and its exit statuses say what became
// of the message.
func TestLDAStatus(t *testing.T) {
	users := peer.OwnUIDs(4)
	users[2].Extra = "userdb_quota_rule=*:storage=1k"
	big := letter + strings.Repeat("More than the quota of user3.\n", 100)
	for name, c := range map[string]struct {
		args     []string
		message  string
		mail     string // table [mail]
		noCreate bool   // lda_mailbox_autocreate is off
		status   int
		user     string // who is looked at, default user1
		folder   string // where the message is then, "" for nowhere
	}{
		"delivered":                     {args: []string{"-d", "user1"}, folder: "INBOX"},
		"with all flags":                {args: []string{"-d", "user1", "-f", "a@example.net", "-a", "all@example.org", "-r", "user1@example.org", "-m", "INBOX", "-e"}, folder: "INBOX"},
		"address as user":               {args: []string{"-d", "user1@example.org"}, folder: "INBOX"},
		"into a folder":                 {args: []string{"-d", "user1", "-m", "Lists"}, folder: "Lists"},
		"into a folder that is missing": {args: []string{"-d", "user1", "-m", "Nope"}, noCreate: true, folder: "INBOX"},
		"unknown user":                  {args: []string{"-d", "nobody"}, status: 67},
		"unknown flag":                  {args: []string{"-d", "user1", "--nonsense"}, status: 64},
		"arguments":                     {args: []string{"-d", "user1", "one", "two"}, status: 64},
		"no user":                       {status: 64},
		"missing configuration":         {args: []string{"-d", "user1", "-c", "/nonexistent/dovetail.toml"}, status: 78},
		"missing file":                  {args: []string{"-d", "user1", "-p", "/nonexistent/message"}, status: 75},
		"rejected in the reply":         {args: []string{"-d", "user2", "-e"}, user: "user2", status: 77},
		"over quota":                    {args: []string{"-d", "user3", "-e"}, message: big, user: "user3", status: 77},
		"over quota, to be tried again": {args: []string{"-d", "user3", "-e"}, message: big, mail: "quota_full_tempfail = true", user: "user3", status: 75},
		"home that cannot be made":      {args: []string{"-d", "user4"}, user: "user4", status: 75},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, users)
			s.script(erejects, "user2")
			peer.Chown(t, s.home("user4"), peer.User{UID: 0, GID: 0}) // user4 may not write there
			s.extra["mail"], s.noCreate = c.mail+"\n", c.noCreate
			s.write()
			message, user := c.message, c.user
			if message == "" {
				message = letter
			}
			if user == "" {
				user = "user1"
			}
			status, stderr := s.lda(nil, message, c.args...)
			if status != c.status {
				t.Errorf("exit status %d, want %d: %s", status, c.status, stderr)
			}
			if (stderr == "") && status != 0 {
				t.Error("nothing says why")
			}
			for _, folder := range []string{"INBOX", "Lists", "Nope"} {
				want := 0
				if folder == c.folder {
					want = 1
				}
				s.count(user, folder, want)
			}
			s.sound(user, 0)
		})
	}
}

// An mbox "From " line is no part of the message; nothing of the rest is changed
// and nothing added, as dovecot-lda does it.
func TestLDAMessage(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.write()
	message := "Subject: hello\nFrom: a@example.net\n\nFrom here on it is body.\n.\n..\nlast line, without an end"
	if status, stderr := s.lda(nil, "From someone@example.net  Sat Nov 21 09:00:00 2026\n"+message,
		"-d", "bert", "-f", "a@example.net", "-a", "bert@example.org"); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	for _, m := range s.count("bert", "INBOX", 1) {
		if m.text != message {
			t.Errorf("stored is\n%q", m.text)
		}
	}
	s.sound("bert", 0)
}

// A mail user may deliver to the own mailbox, as a forward file or an alias
// does, and to nobody else's.
func TestLDAAsUser(t *testing.T) {
	users := peer.OwnUIDs(2)
	s := newSite(t, users)
	s.siteScripts()
	s.script(testdata(t, "site/dovecot.sieve"), "user1")
	s.write()
	if status, stderr := s.lda(&users[0], testdata(t, "demo/02-spam.eml"), "-d", "user1"); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	s.count("user1", "Spam", 1)
	checkOwner(t, s.home("user1"), users[0])
	if status, stderr := s.lda(&users[0], letter, "-d", "user2"); status != 75 && status != 77 {
		t.Errorf("to another user's mailbox: exit status %d: %s", status, stderr)
	}
	s.count("user2", "INBOX", 0)
}

// Without -e a reject is told to the sender by mail, and the MTA hears nothing.
func TestLDAReject(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	e := peer.StartExim(t, peer.EximOptions{})
	s.extra["submission"] = fmt.Sprintf("host = %q\n", e.Addr)
	s.script(rejects, "bert")
	s.write()
	if status, stderr := s.lda(nil, letter, "-d", "bert", "-f", "a@example.net"); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	e.WaitQueueEmpty(patience)
	if out := e.Outside(); len(out) != 1 || !strings.Contains(out[0], "Envelope-to: a@example.net") || !strings.Contains(out[0], "Not for me.") {
		t.Errorf("what left: %q", out)
	}
	s.count("bert", "INBOX", 0)
}

// Exim's pipe transport hands messages to dovetail-lda: 67 and 77 bounce.
func TestLDAFromExim(t *testing.T) {
	users := []peer.User{bert, {Name: "carla", UID: peer.MailUID, GID: peer.MailUID}}
	s := newSite(t, users)
	s.siteScripts()
	s.script(testdata(t, "site/dovecot.sieve"), "bert")
	s.script(erejects, "carla")
	s.write()
	// Exim passes nothing on that a stranger has written: the name comes from a list.
	list := filepath.Join(s.dir, "names")
	s.file(list, "bert\ncarla\nnobody\n", 0o644)
	name := "${lookup{$local_part}lsearch,ret=key{" + list + "}}"
	e := peer.StartExim(t, peer.EximOptions{
		Command: binary("dovetail-lda") + " -c " + s.config() + " -e -a \"" + name + "@example.org\" -d \"" + name + "\"",
	})
	to := []string{"bert@example.org", "carla@example.org", "nobody@example.org"}
	e.Send("a@example.net", to, testdata(t, "demo/02-spam.eml"))
	e.RunQueue() // the message
	e.RunQueue() // its bounce
	if n := e.QueueCount(); n != 0 {
		t.Errorf("%d messages in Exim's queue\n%s", n, e.MainLog())
	}
	for _, run := range s.runs("sa-learn-spam.sh") {
		if !strings.Contains(run, "SENDER=a@example.net RECIPIENT=") {
			t.Errorf("the learning program got\n%s", run)
		}
	}
	for _, m := range s.count("bert", "Spam", 1) {
		if !strings.HasSuffix(m.path, ":2,a") {
			t.Errorf("the keyword is missing: %s", m.path)
		}
	}
	s.count("carla", "INBOX", 0)
	out := strings.Join(e.Outside(), "\n")
	if strings.Count(out, "Envelope-to: a@example.net") != 1 || strings.Contains(out, "  bert@example.org\n") ||
		!strings.Contains(out, "  carla@example.org\n") || !strings.Contains(out, "  nobody@example.org\n") {
		t.Errorf("what left:\n%s\n%s", out, e.MainLog())
	}
}
