package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

const (
	expungeKills  = 100
	killedEach    = 2500 // messages of each folder, every fifth unseen
	mostOfOneKill = 5 * time.Millisecond
)

// However often an expunge is killed, nothing goes that was not to go, no lock that it
// left stops the next one for long, a second run completes, Dovecot opens the mailboxes
// without a complaint, and the quota is right in the end.
func TestExpungeKilled(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	users := peer.OneUID(1)
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation, Quota: "*:storage=1G"})
	s := withDovecot(t, d, users, siteLocation)
	s.extra["mail"] = "separator = \"/\"\nquota_rule = [\"*:storage=1G\"]"
	s.write()
	root := filepath.Join(s.home("user1"), ".Maildir")
	folders := []string{"INBOX", "Lists", "Trash", "Trash/Junk"}
	fill := func() {
		for _, folder := range folders {
			fillFolder(t, filepath.Join(root, folder))
		}
		peer.Chown(t, root, users[0])
		d.Doveadm("quota", "recalc", "-u", "user1")
	}
	fill()
	d.Doveadm("search", "-u", "user1", "all") // it gives the UIDs
	keep := seenOrNot(t, root, false)
	words := []string{"-c", s.config(), "expunge", "-u", "user1", "mailbox", "*", "SEEN"}
	inTheMiddle := 0
	for kill := range expungeKills {
		before := len(seenOrNot(t, root, true))
		if before < killedEach/2 || kill == expungeKills-1 { // the last one is the one that the quota is to survive
			fill()
			before = len(seenOrNot(t, root, true))
		}
		cmd := exec.Command(binary("dovetail"), words...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); len(seenOrNot(t, root, true)) == before; {
			if time.Now().After(end) {
				t.Fatal("it removes nothing")
			}
		}
		time.Sleep(rand.N(mostOfOneKill))
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if left := len(seenOrNot(t, root, true)); left > 0 {
			inTheMiddle++
		}
		forgetEmptyLocks(t, root)
	}
	t.Logf("%d of %d were killed in the middle", inTheMiddle, expungeKills)
	if now := seenOrNot(t, root, false); !slices.Equal(now, keep) {
		t.Errorf("of %d messages that were to stay %d are left", len(keep), len(now))
	}
	if status, out, problems := s.run("expunge", "-u", "user1", "mailbox", "*", "SEEN"); status != 0 || out+problems != "" {
		t.Errorf("the last run: status %d\n%s%s", status, out, problems)
	}
	if n := len(seenOrNot(t, root, true)); n > 0 {
		t.Errorf("%d messages are left that were to go", n)
	}
	if n := strings.Count(d.Doveadm("search", "-u", "user1", "all"), "\n"); n != len(keep) {
		t.Errorf("Dovecot sees %d messages, want %d", n, len(keep))
	}
	if quota := strings.Fields(d.Doveadm("-f", "flow", "quota", "get", "-u", "user1")); !slices.Contains(quota, fmt.Sprintf("Value=%d", len(keep))) {
		t.Errorf("Dovecot's quota is not of %d messages: %q", len(keep), quota)
	}
	for _, folder := range folders {
		if _, err := os.Lstat(filepath.Join(root, folder, "dovecot-uidlist.lock")); !os.IsNotExist(err) {
			t.Errorf("a lock is left in %s: %v", folder, err)
		}
	}
}

// fillFolder makes a folder's messages, those that are not there.
func fillFolder(t *testing.T, dir string) {
	t.Helper()
	for _, part := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const text = "Subject: a\n\nb\n"
	first := filepath.Join(dir, "tmp/first")
	if err := os.WriteFile(first, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range killedEach {
		flags := "S"
		if i%5 == 0 {
			flags = ""
		}
		name := fmt.Sprintf("%s/cur/%d.M%dP1.host,S=%d:2,%s", dir, liveTime+i, i, len(text), flags)
		if err := os.Link(first, name); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
}

// seenOrNot gives the messages that are seen, or those that are not.
func seenOrNot(t *testing.T, root string, seen bool) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/*/cur/*:2,", "/*/*/cur/*:2,"} {
		if seen {
			pattern += "S"
		}
		names, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	return found
}

// forgetEmptyLocks removes locks without the name of their holder, who was killed before
// it wrote it: such a lock, of ours and of Dovecot's, is void after two minutes.
func forgetEmptyLocks(t *testing.T, root string) {
	t.Helper()
	for _, pattern := range []string{"/*/dovecot-uidlist.lock", "/*/*/dovecot-uidlist.lock"} {
		locks, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, lock := range locks {
			text, err := os.ReadFile(lock)
			if err == nil && len(text) == 0 {
				err = os.Remove(lock)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
