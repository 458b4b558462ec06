package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dovetail/internal/peer"
)

const (
	erejects = "require \"ereject\";\nereject \"No mail today.\";\n"
	rejects  = "require \"reject\";\nreject \"Not for me.\";\n"
	files    = "require [\"fileinto\", \"mailbox\"];\nfileinto :create \"Lists\";\n"
	letter   = "From: a@example.net\r\nTo: everybody@example.org\r\nSubject: to all\r\nMessage-ID: <all@example.net>\r\n\r\n"
)

// kind is a group of the recipients of one message, and what they are to see.
type kind struct {
	from, to      int // user numbers
	uid           int
	extra, script string
	unknown       bool   // in no list of users
	folder        string // where one copy is, "" for none
	reply         string // Exim's log has it for each
}

var kinds = []kind{
	{from: 1, to: 50, uid: 20600, folder: "INBOX", reply: "250 2.0.0"},
	{from: 51, to: 100, uid: 20601, folder: "INBOX", reply: "250 2.0.0"},
	{from: 101, to: 110, unknown: true, reply: "550 5.1.1"},
	{from: 111, to: 120, uid: 20600, script: erejects, reply: "5.7.1"},
	{from: 121, to: 125, uid: 20600, script: rejects, reply: "250 2.0.0"},
	{from: 126, to: 135, uid: 20600, extra: "userdb_quota_rule=*:storage=1k", reply: "5.2.2"},
	{from: 136, to: 150, uid: 20601, script: files, folder: "Lists", reply: "250 2.0.0"},
}

func name(n int) string { return fmt.Sprintf("user%d", n) }

// each calls f for every user of a kind.
func (k kind) each(f func(user string)) {
	for n := k.from; n <= k.to; n++ {
		f(name(n))
	}
}

// batchSite makes the users of kinds.
func batchSite(t *testing.T) (s *site, rcpts []string) {
	t.Helper()
	var users []peer.User
	for _, k := range kinds {
		k.each(func(user string) {
			rcpts = append(rcpts, user+"@example.org")
			if !k.unknown {
				users = append(users, peer.User{Name: user, UID: k.uid, GID: k.uid, Extra: k.extra})
			}
		})
	}
	s = newSite(t, users)
	for _, k := range kinds {
		if k.script != "" {
			k.each(func(user string) { s.script(k.script, user) })
		}
	}
	s.siteScripts()
	return s, rcpts
}

// One transaction of Exim's has 150 recipients: some do not exist, some refuse
// the message in one way or another, some are over quota, and each of the
// others gets exactly one copy.
func TestBatchOf150(t *testing.T) {
	s, rcpts := batchSite(t)
	e := peer.StartExim(t, peer.EximOptions{LMTPSocket: s.socket})
	s.extra["submission"] = fmt.Sprintf("host = %q\n", e.Addr)
	s.start()
	message := letter + strings.Repeat("More than the quota of those who have one.\r\n", 50)
	e.Send("a@example.net", rcpts, message)
	e.WaitQueueEmpty(patience)

	log := e.MainLog()
	for _, k := range kinds {
		k.each(func(user string) {
			if line := outcome(log, user); !strings.Contains(line, k.reply) {
				t.Errorf("%s: Exim logged %q, want %s", user, line, k.reply)
			}
			if k.unknown {
				return
			}
			checkOneCopy(t, s, user, k.folder)
		})
	}
	checkAnswersToSender(t, e)
	checkShared(t, s)
}

// outcome returns the line of Exim's log that tells what became of a user's copy.
func outcome(log, user string) string {
	for line := range strings.Lines(log) {
		fields := strings.Fields(line) // date, time, id, sign, address
		if len(fields) > 5 && slices.Contains([]string{"=>", "->", "**", "=="}, fields[3]) &&
			(fields[4] == user+"@example.org" || fields[5] == "<"+user+"@example.org>") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func checkOneCopy(t *testing.T, s *site, user, folder string) {
	t.Helper()
	for _, f := range []string{"INBOX", "Lists"} {
		want := 0
		if f == folder {
			want = 1
		}
		for _, m := range s.count(user, f, want) {
			if subject, _ := m.header("Subject"); subject != "to all" {
				t.Errorf("%s got %q", user, m.text)
			}
			if _, ok := m.header("Delivered-To"); ok {
				t.Errorf("%s learns from Delivered-To of other recipients", user)
			}
		}
	}
	s.sound(user, 0)
}

// checkAnswersToSender looks for one bounce that names all who could not be
// reached, and a notification from each who rejected.
func checkAnswersToSender(t *testing.T, e *peer.Exim) {
	t.Helper()
	var bounces, notices []string
	for _, m := range e.Outside() {
		switch {
		case !strings.Contains(m, "Envelope-to: a@example.net") || !strings.Contains(m, "Return-path: <>"):
			t.Errorf("unexpected mail left:\n%s", m)
		case strings.Contains(m, "Subject: Mail delivery failed"):
			bounces = append(bounces, m)
		default:
			notices = append(notices, m)
		}
	}
	if len(bounces) != 1 {
		t.Fatalf("%d bounces, want 1", len(bounces))
	}
	for _, k := range kinds {
		k.each(func(user string) {
			named := strings.Contains(bounces[0], "  "+user+"@example.org\n")
			if want := !strings.HasPrefix(k.reply, "250"); named != want {
				t.Errorf("%s named in the bounce: %v, want %v", user, named, want)
			}
			told := 0
			for _, n := range notices {
				if strings.Contains(n, "Final-Recipient: rfc822; "+user+"@example.org\n") && strings.Contains(n, "Not for me.") {
					told++
				}
			}
			if want := len(k.script) > 0 && k.script == rejects; (told == 1) != want || told > 1 {
				t.Errorf("%d notifications by %s, want %v", told, user, want)
			}
		})
	}
	for _, text := range []string{"No mail today.", "Quota exceeded", "User doesn't exist"} {
		if !strings.Contains(bounces[0], text) {
			t.Errorf("the bounce lacks %q", text)
		}
	}
}

// checkShared compares the files of users: those of one uid and folder format
// share one file, those of different uids do not.
func checkShared(t *testing.T, s *site) {
	t.Helper()
	inodes := map[int]map[uint64]int{} // by uid
	for _, k := range kinds {
		if k.folder == "" {
			continue
		}
		if inodes[k.uid] == nil {
			inodes[k.uid] = map[uint64]int{}
		}
		k.each(func(user string) {
			for _, m := range s.mail(user, k.folder) {
				sys := m.info.Sys().(*syscall.Stat_t)
				inodes[k.uid][sys.Ino]++
				if int(sys.Uid) != k.uid || m.info.Mode().Perm() != 0o600 {
					t.Errorf("%s: owner %d, mode %v", m.path, sys.Uid, m.info.Mode())
				}
				if want := map[int]uint64{20600: 50, 20601: 65}[k.uid]; uint64(sys.Nlink) != want {
					t.Errorf("%s has %d links, want %d", m.path, sys.Nlink, want)
				}
			}
		})
	}
	if len(inodes[20600]) != 1 || len(inodes[20601]) != 1 {
		t.Errorf("files on disk: %v, want one for each uid", inodes)
	}
}

// With quota_full_tempfail mail for those over quota waits in Exim's queue.
func TestQuotaTempfail(t *testing.T) {
	users := peer.OneUID(2)
	users[1].Extra = "userdb_quota_rule=*:storage=1k"
	s := newSite(t, users)
	s.extra["mail"] = "quota_full_tempfail = true\n"
	s.start()
	e := peer.StartExim(t, peer.EximOptions{LMTPSocket: s.socket})
	e.Send("a@example.net", []string{"user1@example.org", "user2@example.org"}, letter+strings.Repeat("More than the quota of the second.\r\n", 50))
	s.eventually("Exim to defer", func() bool { return strings.Contains(outcome(e.MainLog(), "user2"), "==") })
	s.count("user1", "INBOX", 1)
	s.count("user2", "INBOX", 0)
	if line := outcome(e.MainLog(), "user2"); !strings.Contains(line, "452 4.2.2") {
		t.Errorf("Exim logged %q", line)
	}
	if n := e.QueueCount(); n != 1 {
		t.Errorf("%d messages in Exim's queue, want 1", n)
	}

	// The administrator allows more.
	s.users[1].Extra = "userdb_quota_rule=*:storage=1M"
	s.passwdFile()
	e.RunQueue()
	s.count("user1", "INBOX", 1)
	s.count("user2", "INBOX", 1)
	if n := e.QueueCount(); n != 0 {
		t.Errorf("%d messages in Exim's queue, want 0", n)
	}
}
