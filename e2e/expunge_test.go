package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// run calls dovetail and gives its exit status, standard output and standard error.
func (s *site) run(args ...string) (status int, out, problems string) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(binary("dovetail"), append(args[:1:1], append([]string{"-c", s.config()}, args[1:]...)...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// aged is a message of the expunge tests.
type aged struct {
	mailbox, flags string
	age            time.Duration
}

// put writes messages of all kinds that the site's cron lines tell apart into the
// mail of a user, and gives their files.
func (s *site) put(u peer.User, root string, kinds []aged) {
	s.t.Helper()
	for i, k := range kinds {
		dir := filepath.Join(s.home(u.Name), root, k.mailbox)
		name := fmt.Sprintf("%s/cur/%d.M%dP1.host,S=14:2,%s", dir, 1_700_000_000+i, i, k.flags)
		peer.WriteFile(s.t, name, "Subject: a\n\nb\n", u)
		for _, part := range []string{"new", "tmp"} {
			if err := os.MkdirAll(dir+"/"+part, 0o700); err != nil {
				s.t.Fatal(err)
			}
		}
		at := time.Now().Add(-k.age)
		if err := os.Chtimes(name, at, at); err != nil {
			s.t.Fatal(err)
		}
	}
	peer.Chown(s.t, filepath.Join(s.home(u.Name), root), u)
}

// left gives the names of the messages that a user has, without their mailboxes' root.
func (s *site) left(user, root string) []string {
	s.t.Helper()
	names, err := filepath.Glob(filepath.Join(s.home(user), root, "*/cur/*"))
	nested, err2 := filepath.Glob(filepath.Join(s.home(user), root, "*/*/cur/*"))
	if err != nil || err2 != nil {
		s.t.Fatal(err, err2)
	}
	names = append(names, nested...)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, filepath.Join(s.home(user), root)+"/")
	}
	slices.Sort(names)
	return names
}

// The site's four cron lines leave the same messages as doveadm does with them.
func TestCronLines(t *testing.T) {
	peer.Need(t, peer.Root, peer.Dovecot23)
	users := peer.OneUID(2)
	d := peer.StartDovecot(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation, Quota: "*:storage=1G"})
	s := withDovecot(t, d, users, siteLocation)
	s.extra["mail"] = "separator = \"/\"\nquota_rule = [\"*:storage=1G\"]"
	s.write()
	for _, u := range users {
		s.put(u, ".Maildir", ofAllKinds())
	}
	before := len(s.left("user1", ".Maildir"))
	d.Doveadm("quota", "recalc", "-u", "user2")
	for _, line := range []string{
		"expunge -u user mailbox * SEEN not FLAGGED not SINCE 1w",
		"expunge -u user mailbox * not FLAGGED not SINCE 8w",
		"expunge -u user mailbox Trash/Junk SEEN not SINCE 2h",
		"expunge -u user mailbox Trash/Junk not SINCE 2d",
	} {
		words := strings.Fields(line)
		words[2] = "user1"
		d.Doveadm(words...)
		words[2] = "user2"
		if status, out, problems := s.run(words...); status != 0 || out != "" || problems != "" {
			t.Errorf("%s: status %d\n%s%s", line, status, out, problems)
		}
		want, got := s.left("user1", ".Maildir"), s.left("user2", ".Maildir")
		if !slices.Equal(want, got) || len(got) >= before {
			t.Errorf("%s: of %d are left %d, by doveadm %d", line, before, len(got), len(want))
		}
		before = len(got)
	}
	if text := d.Doveadm("search", "-u", "user2", "all"); strings.Count(text, "\n") != before {
		t.Errorf("Dovecot sees %d messages, wanted %d", strings.Count(text, "\n"), before)
	}
	text, err := os.ReadFile(filepath.Join(s.home("user2"), ".Maildir/maildirsize"))
	if lines := strings.Count(string(text), "\n"); err != nil || lines < 4 {
		t.Errorf("maildirsize was not kept, but made anew: %v\n%s", err, text)
	}
	if quota := strings.Fields(d.Doveadm("-f", "flow", "quota", "get", "-u", "user2")); !slices.Contains(quota, fmt.Sprintf("Value=%d", before)) {
		t.Errorf("Dovecot's quota is not of %d messages: %q", before, quota)
	}
}

// Users by mask, by file and all; users whose mail cannot be read stop nobody; what
// is printed, and the exit statuses.
func TestExpungeUsers(t *testing.T) {
	s := newSite(t, peer.OwnUIDs(4))
	s.extra["mail"] = "separator = \"/\""
	s.write()
	all := []aged{{"INBOX", "S", 0}, {"Trash", "S", 48 * time.Hour}, {"Trash", "", 48 * time.Hour}}
	for _, u := range s.users {
		s.put(u, ".Maildir", all)
	}
	if err := os.Chmod(filepath.Join(s.home("user2"), ".Maildir"), 0); err != nil {
		t.Fatal(err)
	}
	s.file(s.dir+"/names", "user4\n\nnobody\n", 0o644)
	object := func(text string) (o map[string]any) {
		line, _, _ := strings.Cut(text, "\n")
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		return o
	}
	status, out, problems := s.run("search", "-u", "user1", "--format", "json", "mailbox", "Trash", "SEEN")
	if o := object(out); status != 0 || o["user"] != "user1" || o["mailbox"] != "Trash" || o["size"] != 14.0 || fmt.Sprint(o["flags"]) != `[\Seen]` || o["received"] == nil {
		t.Errorf("search: status %d\n%s%s", status, out, problems)
	}
	for _, c := range []struct {
		args, holds string // what is printed holds it
		status      int
		left        [4]int // messages of the users that are left
	}{
		{"expunge -n -u user1 mailbox Trash all", "2 messages, 28 bytes: nothing", 0, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 all", "must have MAILBOX", 64, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 mailbox Trash ( seen flagged or mailbox INBOX )", "mixed", 64, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 mailbox Trash sen", "did you mean SEEN", 65, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 --strict mailbox Trash savedbefore 30", "30d", 65, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 mailbox Trash savedbefore 30", "warning", 0, [4]int{3, 3, 3, 3}},
		{"expunge -u user1", "query is missing", 64, [4]int{3, 3, 3, 3}},
		{"expunge -u nobody mailbox Trash all", "nobody", 67, [4]int{3, 3, 3, 3}},
		{"expunge -u no* mailbox Trash all", "no such users", 67, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 mailbox None all", "doesn't exist", 0, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 --dovecot 2.3 mailbox None all", "doesn't exist", 68, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 --dovecot 2.5 mailbox None all", "neither", 64, [4]int{3, 3, 3, 3}},
		{"expunge -u user1 -A mailbox Trash all", "user", 64, [4]int{3, 3, 3, 3}},
		{"expunge -A --max-time 1ns mailbox Trash all", "stopped after", 75, [4]int{3, 3, 3, 3}},
		{"expunge -v -u user1 mailbox Trash unseen", "mailbox Trash: 1 messages, 14 bytes", 0, [4]int{2, 3, 3, 3}},
		{"expunge -F " + s.dir + "/names mailbox Trash unseen", "nobody does not exist", 0, [4]int{2, 3, 3, 2}},
		{"expunge -F " + s.dir + "/none mailbox Trash unseen", "no such file", 75, [4]int{2, 3, 3, 2}},
		{"expunge -A mailbox Trash unseen", "1 of 4 users failed", 75, [4]int{2, 3, 2, 2}},
		{"expunge -u USER[1]* mailbox Trash all", "no such users", 67, [4]int{2, 3, 2, 2}},
		{"expunge -u USER?  mailbox Trash all", "user2", 75, [4]int{1, 3, 1, 1}},
		{"expunge -d -u user4 mailbox INBOX unseen", "INBOX can't be deleted", 65, [4]int{1, 3, 1, 1}},
		{"expunge -d -n -u user4 mailbox Trash all", "would be empty", 0, [4]int{1, 3, 1, 1}},
		{"expunge -d -v -u user4 mailbox Trash all", "mailbox Trash: removed", 0, [4]int{1, 3, 1, 1}},
		{"expunge -d -v -u user4 mailbox Trash all", "mailbox Trash doesn't exist", 0, [4]int{1, 3, 1, 1}},
	} {
		status, out, problems := s.run(strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out+problems, c.holds) {
			t.Errorf("%s: status %d, wanted %d and %q\n%s%s", c.args, status, c.status, c.holds, out, problems)
		}
		for i, want := range c.left {
			if name := fmt.Sprintf("user%d", i+1); len(s.left(name, ".Maildir")) != want {
				t.Errorf("%s: %s has %d messages, wanted %d", c.args, name, len(s.left(name, ".Maildir")), want)
			}
		}
	}
}

// A user whose Trash is a link to the mail of another can remove nothing there.
func TestExpungeLink(t *testing.T) {
	s := newSite(t, peer.OwnUIDs(2))
	s.write()
	s.put(s.users[1], ".Maildir", []aged{{"Trash", "S", 0}})
	for _, dir := range []string{"", ".Maildir", ".Maildir/Trash", ".Maildir/Trash/cur", ".Maildir/Trash/new"} {
		if err := os.Chmod(filepath.Join(s.home("user2"), dir), 0o755); err != nil { // all may read it
			t.Fatal(err)
		}
	}
	s.put(s.users[0], ".Maildir", []aged{{"INBOX", "S", 0}})
	if err := os.Symlink(filepath.Join(s.home("user2"), ".Maildir/Trash"), filepath.Join(s.home("user1"), ".Maildir/Trash")); err != nil {
		t.Fatal(err)
	}
	status, out, problems := s.run("expunge", "-u", "user1", "mailbox", "*", "all")
	if status != 75 || len(s.left("user2", ".Maildir")) != 1 || !strings.Contains(problems, "permission denied") {
		t.Errorf("status %d\n%s%s", status, out, problems)
	}
	if _, err := os.Stat(filepath.Join(s.home("user1"), ".Maildir/INBOX/cur")); err != nil {
		t.Error(err)
	}
}
