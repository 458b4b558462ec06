package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// Several users at once: one whose mail cannot be read stops nobody, one who has opted
// out keeps all, rules are for whom they name, and nothing goes at first sight by the
// clock first-seen.
func TestExpireUsers(t *testing.T) {
	s := newSite(t, peer.OwnUIDs(6))
	s.extra["mail"] = "separator = \"/\""
	s.rules(`
[[expire]]
name = "junk"
mailboxes = '\Junk'
query = "ALL"
clock = "first-seen"
[[expire]]
name = "trash"
users = ["user[12]", "user?"]
mailboxes = "Trash"
query = "BEFORE 1d"
`)
	for _, u := range s.users {
		s.put(u, ".Maildir", []aged{{"INBOX", "S", 0}, {"Trash", "S", 48 * time.Hour}, {"Trash", "", 0}, {"Spam", "", 999 * time.Hour}})
	}
	if err := os.Chmod(filepath.Join(s.home("user2"), ".Maildir"), 0); err != nil {
		t.Fatal(err)
	}
	peer.WriteFile(t, filepath.Join(s.home("user3"), ".dovetail-no-expire"), "", s.users[2])
	wantLeft := func(what string, want ...int) {
		t.Helper()
		for i, u := range s.users {
			if left := len(s.left(u.Name, ".Maildir")); left != want[i] {
				t.Errorf("%s: %s has %d messages left, wanted %d", what, u.Name, left, want[i])
			}
		}
	}
	for i, c := range []struct {
		args string
		left []int
	}{
		{"expire -n -v", []int{4, 4, 4, 4, 4, 4}},
		{"expire -j 4", []int{3, 4, 4, 3, 3, 3}},
		{"expire -j 64 --format json", []int{2, 4, 4, 2, 2, 2}},
	} {
		status, out, problems := s.run(strings.Fields(c.args)...)
		if status != 75 || !strings.Contains(problems, "user user2: ") || !strings.Contains(problems, "permission denied") || !strings.Contains(problems, "1 of 6 users failed") || strings.Contains(problems, "user1") {
			t.Errorf("%s: status %d\n%s", c.args, status, problems)
		}
		wantLeft(c.args, c.left...)
		var report struct {
			Users []struct {
				User   string
				OptOut bool `json:"opt_out"`
				Errors []string
			}
		}
		if i < 2 {
			continue
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Users) != 6 {
			t.Fatalf("%v: %s", err, out)
		}
		for n, u := range report.Users {
			if u.User != fmt.Sprint("user", n+1) || u.OptOut != (n == 2) || len(u.Errors) != map[bool]int{true: 1}[n == 1] {
				t.Errorf("the report says %+v", u)
			}
		}
	}
	s.file(s.dir+"/names", "user4\nnobody\n", 0o644)
	if status, out, problems := s.run("expire", "-F", s.dir+"/names"); status != 0 || !strings.HasPrefix(out, "1 users: nothing to do") || !strings.Contains(problems, "user nobody does not exist, skipping") {
		t.Errorf("-F: status %d\n%s%s", status, out, problems)
	}
}

// Where the state database is down nothing goes by the clock first-seen.
func TestExpireWithoutState(t *testing.T) {
	s := newSite(t, peer.OwnUIDs(1))
	s.rules("[[expire]]\nmailboxes = \"Spam\"\nquery = \"ALL\"\nclock = \"first-seen\"\n[[expire]]\nmailboxes = [\"Spam\", \"Trash\"]\nquery = \"ALL\"\n")
	s.put(s.users[0], ".Maildir", []aged{{"Spam", "", 99 * time.Hour}, {"Trash", "", 0}})
	for range 2 {
		status, out, problems := s.run("expire", "-u", "user1", "-o", "state.url=sqlite:/dev/null/state.db")
		if left := s.left("user1", ".Maildir"); status != 75 || len(left) != 1 || !strings.HasPrefix(left[0], "Spam/") || !strings.Contains(problems, "user user1: mailbox Spam: asking when messages were first seen") {
			t.Errorf("status %d, left %q\n%s%s", status, left, out, problems)
		}
	}
}

// A run whose time is over goes on with the user where it ended, and comes to those
// before that at last.
func TestExpireResumes(t *testing.T) {
	s := newSite(t, peer.OwnUIDs(3))
	s.extra["mail"] = "separator = \"/\""
	s.rules("[[expire]]\nmailboxes = \"Trash\"\nquery = \"ALL\"\n")
	for _, u := range s.users {
		s.put(u, ".Maildir", []aged{{"Trash", "", 0}})
	}
	// Somebody is at work on the Trash of user2.
	lock := filepath.Join(s.home("user2"), ".Maildir/Trash/dovecot-uidlist.lock")
	s.file(lock, fmt.Sprintf("%d:%s", os.Getpid(), hostname(t)), 0o644)
	next := filepath.Join(s.dir, "expire.next")
	cmd := exec.Command(binary("dovetail"), "expire", "-c", s.config(), "-j", "1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); len(s.left("user1", ".Maildir")) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing happens to user1")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	text, err := os.ReadFile(next)
	if status := cmd.ProcessState.ExitCode(); status != 75 || err != nil || !strings.HasPrefix(string(text), "user") || len(s.left("user3", ".Maildir")) != 1 {
		t.Errorf("stopped with status %d, the next one is %q, %v", status, text, err)
	}
	s.file(next, "user2\n", 0o600) // user1 may not have been told to be done
	s.put(s.users[0], ".Maildir", []aged{{"Trash", "", 0}})
	status, _, _ := s.run("expire", "-j", "1", "--max-time", "1s")
	if again, err := os.ReadFile(next); status != 75 || err != nil || string(again) != "user2\n" || len(s.left("user1", ".Maildir")) != 1 {
		t.Errorf("stopped with status %d, the next one is %q, %v", status, again, err)
	}
	remove(t, lock)
	if status, out, problems := s.run("expire"); status != 0 {
		t.Errorf("status %d\n%s%s", status, out, problems)
	}
	for _, u := range s.users {
		if left := s.left(u.Name, ".Maildir"); len(left) > 0 {
			t.Errorf("%s has %q", u.Name, left)
		}
	}
	if _, err := os.Stat(next); !os.IsNotExist(err) {
		t.Errorf("the note is left: %v", err)
	}
}

func hostname(t *testing.T) string {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}
