package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// rules gives the site rules of expiry.
func (s *site) rules(text string) {
	s.t.Helper()
	s.write()
	config, err := os.ReadFile(s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	s.file(s.config(), string(config)+text, 0o644)
}

// expire runs `dovetail expire` for a user, and gives the report.
func (s *site) expire(user string) (report struct {
	Users []struct {
		Folders []struct {
			Mailbox string
			Total   struct{ Messages int }
			Rules   []struct {
				Rule, Action, To, Clock string
				Messages, Changed, Kept int
			}
		}
	}
}) {
	s.t.Helper()
	status, out, problems := s.run("expire", "-u", user, "--format", "json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != 0 || problems != "" || len(report.Users) != 1 {
		s.t.Fatalf("expire: status %d, %v\n%s%s", status, err, out, problems)
	}
	return report
}

// ofAllKinds are messages that the rules of the tests tell apart.
func ofAllKinds() (kinds []aged) {
	const hour = time.Hour
	for _, mailbox := range []string{"INBOX", "Lists", "Trash", "Trash/Junk"} {
		for _, flags := range []string{"", "S", "F", "FS"} {
			for _, age := range []time.Duration{hour, 3 * hour, 3 * 24 * hour, 8 * 24 * hour, 57 * 24 * hour} {
				kinds = append(kinds, aged{mailbox, flags, age})
			}
		}
	}
	return kinds
}

// One run with rules leaves what doveadm leaves with a command for each of them, and
// Dovecot, which has the mailboxes open, sees just that.
func TestExpire(t *testing.T) {
	for name, start := range map[string]func(peer.T, peer.DovecotOptions) *peer.Dovecot{"2.3": peer.StartDovecot, "2.4": peer.StartDovecot24} {
		t.Run(name, func(t *testing.T) { expireBeside(t, start) })
	}
}

func expireBeside(t *testing.T, start func(peer.T, peer.DovecotOptions) *peer.Dovecot) {
	users := peer.OneUID(2)
	d := start(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation, Quota: "*:storage=1G"})
	s := withDovecot(t, d, users, siteLocation)
	s.extra["mail"] = "separator = \"/\"\nquota_rule = [\"*:storage=1G\"]\nlda_mailbox_autosubscribe = true"
	s.rules(`
[[expire]]
name = "unread lists"
mailboxes = "Lists"
query = "UNSEEN NOT FLAGGED NOT SINCE 1w"
action = "move"
folder = "Old/Lists"
[[expire]]
name = "read"
mailboxes = "*"
query = "SEEN not FLAGGED not SINCE 1w"
[[expire]]
name = "old"
mailboxes = "*"
query = "not MAILBOX Old/Lists not FLAGGED not SINCE 8w"
[[expire]]
name = "kept"
mailboxes = '\Trash'
query = "FLAGGED SEEN NOT SINCE 1w"
action = "archive"
archive = "mbox:~/old/%{mailbox}"
[[expire]]
name = "junk"
mailboxes = "Trash/Junk"
query = "( SEEN not SINCE 2h ) OR ( not SINCE 2d )"
`)
	for _, u := range users {
		s.put(u, ".Maildir", ofAllKinds())
	}
	sees := func(user string) []string {
		out := d.Doveadm("-f", "tab", "fetch", "-u", user, "mailbox uid flags size.physical", "all")
		lines := strings.Split(strings.NewReplacer(" \\Recent", "", "\\Recent", "").Replace(out), "\n") // who has seen what does not count
		slices.Sort(lines)
		return lines
	}
	before := len(sees("user1")) + len(sees("user2")) // and gives the UIDs
	d.Doveadm("quota", "recalc", "-u", "user2")
	client := peer.IMAP(t, d.IMAPAddr, "user2")
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	d.Doveadm("mailbox", "create", "-u", "user1", "-s", "Old/Lists")
	for _, line := range []string{
		"move -u user1 Old/Lists mailbox Lists UNSEEN NOT FLAGGED NOT SINCE 1w",
		"expunge -u user1 mailbox * SEEN not FLAGGED not SINCE 1w",
		"expunge -u user1 mailbox * not mailbox Old/Lists not FLAGGED not SINCE 8w",
		"expunge -u user1 mailbox Trash FLAGGED SEEN NOT SINCE 1w",
		"expunge -u user1 mailbox Trash/Junk SEEN not SINCE 2h",
		"expunge -u user1 mailbox Trash/Junk not SINCE 2d",
	} {
		d.Doveadm(strings.Fields(line)...)
	}
	report := s.expire("user2")
	want, got := sees("user1"), sees("user2")
	if !slices.Equal(want, got) || 2*len(got) >= before {
		t.Errorf("left are\n%q\nand after doveadm\n%q\n%+v", got, want, report)
	}
	messages := fmt.Sprintf("Value=%d", len(got)-2) // a title, and what is behind the last line
	if quota := d.Doveadm("-f", "flow", "quota", "get", "-u", "user2"); !slices.Contains(strings.Fields(quota), messages) {
		t.Errorf("Dovecot's quota is not of %s messages\n%s", messages, quota)
	}
	text, err := os.ReadFile(filepath.Join(s.home("user2"), ".Maildir/maildirsize"))
	if lines := strings.Count(string(text), "\n"); err != nil || lines < 4 {
		t.Errorf("maildirsize was not kept, but made anew: %v\n%s", err, text)
	}
	if moved := d.Doveadm("search", "-u", "user2", "mailbox", "Old/Lists", "NOT", "SINCE", "1w"); strings.Count(moved, "\n") != 2 {
		t.Errorf("with their dates were moved\n%s", moved)
	}
	if folders := d.Doveadm("mailbox", "list", "-s", "-u", "user2"); !strings.Contains(folders, "Old/Lists") {
		t.Errorf("subscribed to %q", folders)
	}
	if again := s.expire("user2"); !slices.Equal(sees("user2"), got) {
		t.Errorf("a second run went on: %+v", again)
	}
	s.run("import", "mbox", filepath.Join(s.home("user2"), "old/Trash"), "-u", "user2", "-m", "Back")
	if back := d.Doveadm("-f", "tab", "fetch", "-u", "user2", "flags size.physical", "mailbox", "Back", "FLAGGED", "SEEN", "NOT", "SINCE", "1w"); strings.Count(back, "\t14") != 2 {
		t.Errorf("out of the archive came\n%s", back)
	}
	if err := client.Noop().Wait(); err != nil {
		t.Errorf("the client that had INBOX open: %v", err)
	}
}
