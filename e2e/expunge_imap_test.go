package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// search and expunge on an IMAP server, as on the Maildir: what is printed, what goes,
// and the exit statuses.
func TestExpungeIMAP(t *testing.T) {
	users := peer.OwnUIDs(1)
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation})
	s := withDovecot(t, d, users, siteLocation)
	s.write()
	s.put(users[0], ".Maildir", []aged{{"INBOX", "S", 0}, {"Trash", "S", 48 * time.Hour}, {"Trash", "FS", 48 * time.Hour}, {"Trash", "", 48 * time.Hour}, {"Trash", "ST", time.Hour}})
	const nobody = "127.0.0.1:1"
	s.file(s.dir+"/password", peer.Password+"\n", 0o600)
	s.file(s.dir+"/wrong", "wrong\n", 0o600)
	t.Setenv("DOVETAIL_IMAP_PASSWORD", peer.Password)
	url, bad := "imap://user1@"+d.IMAPAddr+"/", "imap://user1:"+peer.Password+"@"+d.IMAPAddr+"/"

	status, out, problems := s.run("search", "--imap", url, "--format", "json", "mailbox", "Trash", "FLAGGED")
	var o map[string]any
	if err := json.Unmarshal([]byte(out), &o); err != nil || status != 0 || o["user"] != "user1" || o["mailbox"] != "Trash" || o["uid"] == 0.0 || o["size"] != 17.0 || o["received"] == nil {
		t.Errorf("search: status %d, %v\n%s%s", status, err, out, problems)
	}
	for _, c := range []struct {
		args, holds string // what is printed holds it
		status      int
		left        int // messages
	}{
		{"search --imap URL mailbox Trash seen", "Trash 1\nTrash 2\nTrash 4\n", 0, 5},
		{"search --imap URLTrash unseen", "Trash 3\n", 0, 5},
		{"search --imap URL --imap-password-file DIR/password mailbox INBOX all", "INBOX 1\n", 0, 5},
		{"search --imap URL --imap-password-file DIR/wrong mailbox INBOX all", "as user1", 77, 5},
		{"search --imap URL --imap-password-file DIR/none mailbox INBOX all", "no such file", 64, 5},
		{"search --imap BAD mailbox INBOX all", "does not belong on a command line", 64, 5},
		{"search --imap http://x/ mailbox INBOX all", "imaps://", 64, 5},
		{"search --imap URL -u user1 mailbox INBOX all", "--imap names the user", 64, 5},
		{"search --imap URL -A mailbox INBOX all", "--imap names the user", 64, 5},
		{"search --imap URL -F DIR/x mailbox INBOX all", "--imap names the user", 64, 5},
		{"search --imap URL mailbox INBOX sen", "did you mean SEEN", 65, 5},
		{"search --imap URL mailbox-guid x", "MAILBOX-GUID", 65, 5},
		{"search --imap imap://user1@NOBODY/ all", "refused", 75, 5},
		{"search --imap URL --max-time 1ns all", "stopped after", 75, 5},
		{"search --imap URL mailbox None all", "doesn't exist", 0, 5},
		{"search --imap URL --dovecot 2.3 mailbox None all", "doesn't exist", 68, 5},
		{"expunge --imap URL all", "must have MAILBOX", 64, 5},
		{"expunge -d --imap URL mailbox Trash all", "-d cannot", 64, 5},
		{"expunge -n --imap URL mailbox Trash before 1d not flagged", "2 messages, 34 bytes: nothing", 0, 5},
		{"expunge -v --imap URL mailbox Trash before 1d seen not flagged", "mailbox Trash: 1 messages, 17 bytes", 0, 4},
		{"expunge --format json --imap URL mailbox Trash unseen", `"uid":3`, 0, 3},
		{"expunge --imap URL mailbox Trash flagged", "", 0, 2},
	} {
		args := strings.NewReplacer("URL", url, "DIR", s.dir, "BAD", bad, "NOBODY", nobody).Replace(c.args)
		status, out, problems := s.run(strings.Fields(args)...)
		if status != c.status || !strings.Contains(out+problems, c.holds) || strings.Contains(out+problems, ":"+peer.Password+"@") {
			t.Errorf("%s: status %d, wanted %d and %q\n%s%s", c.args, status, c.status, c.holds, out, problems)
		}
		if left := len(s.left("user1", ".Maildir")); left != c.left {
			t.Errorf("%s: %d messages are left, wanted %d", c.args, left, c.left)
		}
	}
}
