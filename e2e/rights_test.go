package e2e

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dovetail/internal/peer"
)

// Mail, folders and files of each user belong to that user, whoever else is a
// recipient of the same message, and programs run as the user.
func TestOwners(t *testing.T) {
	s := newSite(t, peer.OwnUIDs(3))
	s.siteScripts()
	s.global = "+editheader +vnd.dovecot.execute"
	s.extra["sieve"] = fmt.Sprintf("sieve_execute_bin_dir = %q\n", filepath.Join(s.dir, "bin"))
	s.file(filepath.Join(s.dir, "sieve.d/30_execute.sieve"),
		"require \"vnd.dovecot.execute\";\nexecute :pipe \"sa-learn-ham.sh\" [\"executed\"];\n", 0o644)
	s.script(testdata(t, "site/dovecot.sieve"), "user1", "user2")
	s.start()
	var to []string
	for _, u := range s.users {
		to = append(to, u.Name+"@example.org")
	}
	for _, m := range []string{letter, testdata(t, "demo/02-spam.eml")} {
		for i, err := range peer.DeliverLMTP(t, s.lmtp(), "a@example.net", to, m) {
			if err != nil {
				t.Errorf("%s: %v", to[i], err)
			}
		}
	}
	ran := map[string]bool{}
	for _, run := range append(s.runs("sa-learn-spam.sh"), s.runs("sa-learn-ham.sh")...) {
		line, _, _ := strings.Cut(run, "\n")
		ran[line] = true
	}
	for _, u := range s.users {
		spam, inbox := 1, 1
		if u.Name == "user3" { // has no script
			spam, inbox = 0, 2
		}
		s.count(u.Name, "Spam", spam)
		s.count(u.Name, "INBOX", inbox)
		checkOwner(t, s.home(u.Name), u)
		as := fmt.Sprintf("uid=%[1]d gid=%[1]d groups=%[1]d USER=%[2]s HOME=%[3]s SENDER=a@example.net RECIPIENT=%[2]s@example.org args=",
			u.UID, u.Name, s.home(u.Name))
		if !ran[as] || !ran[as+"executed"] {
			t.Errorf("the programs did not run as\n%s\nbut as %q", as, slices.Sorted(maps.Keys(ran)))
		}
		s.sound(u.Name, 0)
	}
}

func checkOwner(t *testing.T, root string, u peer.User) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if sys := info.Sys().(*syscall.Stat_t); int(sys.Uid) != u.UID || int(sys.Gid) != u.GID || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s belongs to %d:%d, mode %v", path, sys.Uid, sys.Gid, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// attack is what a user does in the own home to reach files that are not the
// user's. Victim is the home of another user, secret a folder of root's.
type attack struct {
	name string
	do   func(a attackers)
}

type attackers struct {
	t                    *testing.T
	home, victim, secret string
	user                 peer.User
}

// link makes a symbolic link in the home.
func (a attackers) link(target, name string) {
	a.t.Helper()
	name = filepath.Join(a.home, name)
	err := os.MkdirAll(filepath.Dir(name), 0o700)
	if err == nil {
		err = os.Symlink(target, name)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	peer.Chown(a.t, a.home, a.user)
}

// script makes the user's script.
func (a attackers) script(text string) {
	a.t.Helper()
	peer.WriteFile(a.t, filepath.Join(a.home, ".dovecot.sieve"), text, a.user)
}

// folders makes an INBOX with these directories.
func (a attackers) folders(subs ...string) {
	a.t.Helper()
	for _, sub := range subs {
		if err := os.MkdirAll(filepath.Join(a.home, ".Maildir/INBOX", sub), 0o700); err != nil {
			a.t.Fatal(err)
		}
	}
	peer.Chown(a.t, a.home, a.user)
}

var attacks = []attack{
	{"mail is root's folder", func(a attackers) { a.link(a.secret, ".Maildir") }},
	{"mail is the victim's", func(a attackers) { a.link(a.victim+"/.Maildir", ".Maildir") }},
	{"INBOX is root's folder", func(a attackers) { a.link(a.secret, ".Maildir/INBOX") }},
	{"INBOX is the victim's", func(a attackers) { a.link(a.victim+"/.Maildir/INBOX", ".Maildir/INBOX") }},
	{"new is the victim's", func(a attackers) {
		a.folders("tmp", "cur")
		a.link(a.victim+"/.Maildir/INBOX/new", ".Maildir/INBOX/new")
	}},
	{"new is root's folder", func(a attackers) { a.folders("tmp", "cur"); a.link(a.secret, ".Maildir/INBOX/new") }},
	{"tmp is root's folder", func(a attackers) { a.folders("new", "cur"); a.link(a.secret, ".Maildir/INBOX/tmp") }},
	{"tmp is the victim's", func(a attackers) {
		a.folders("new", "cur")
		a.link(a.victim+"/.Maildir/INBOX/tmp", ".Maildir/INBOX/tmp")
	}},
	{"a folder is root's", func(a attackers) {
		a.script(files)
		a.link(a.secret, ".Maildir/Lists")
	}},
	{"a folder is the victim's", func(a attackers) {
		a.script(files)
		a.link(a.victim+"/.Maildir/INBOX", ".Maildir/Lists")
	}},
	{"a folder's name leads out", func(a attackers) {
		a.script("require [\"fileinto\", \"mailbox\"];\nfileinto :create \"../../" + filepath.Base(a.victim) + "/.Maildir/INBOX\";\n")
	}},
	{"the script is root's", func(a attackers) { a.link(a.secret+"/discard.sieve", ".dovecot.sieve") }},
	{"the script is the victim's", func(a attackers) { a.link(a.victim+"/.dovecot.sieve", ".dovecot.sieve") }},
	{"the script's log is root's", func(a attackers) {
		a.script("broken\n")
		a.link(a.secret+"/discard.sieve", ".dovecot.sieve.log")
	}},
	{"the script's log is the victim's script", func(a attackers) {
		a.script("broken\n")
		a.link(a.victim+"/.dovecot.sieve", ".dovecot.sieve.log")
	}},
	{"keywords are the victim's", func(a attackers) {
		a.folders("tmp", "new", "cur")
		a.script("require \"imap4flags\";\naddflag \"$Mine\";\n")
		a.link(a.victim+"/.Maildir/INBOX/dovecot-keywords", ".Maildir/INBOX/dovecot-keywords")
		a.link(a.victim+"/.Maildir/INBOX/dovecot-uidlist.lock", ".Maildir/INBOX/dovecot-uidlist.lock")
	}},
	{"subscriptions are the victim's", func(a attackers) {
		a.script(files)
		a.link(a.victim+"/.Maildir/subscriptions", ".Maildir/subscriptions")
		a.link(a.victim+"/.Maildir/subscriptions.lock", ".Maildir/subscriptions.lock")
	}},
	{"quota file is root's", func(a attackers) { a.link(a.secret+"/discard.sieve", ".Maildir/maildirsize") }},
	{"the home is the victim's", func(a attackers) {
		if err := os.Remove(a.home); err != nil {
			a.t.Fatal(err)
		}
		if err := os.Symlink(a.victim, a.home); err != nil {
			a.t.Fatal(err)
		}
	}},
}

// A user who puts symbolic links into the home gains nothing: nothing appears or
// changes where the user could not have written, no file is read that the user
// could not have read, and the mail is deferred or kept.
func TestSymbolicLinks(t *testing.T) {
	users := append(peer.OwnUIDs(len(attacks)), peer.User{Name: "victim", UID: 20990, GID: 20990})
	for i := range users {
		users[i].Extra = "userdb_quota_rule=*:storage=10M"
	}
	s := newSite(t, users)
	s.extra["mail"] = "lda_mailbox_autosubscribe = true\nmail_max_lock_timeout = \"1s\"\n"
	secret := filepath.Join(s.dir, "secret")
	s.file(filepath.Join(secret, "discard.sieve"), "discard;\n", 0o600)
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.Mkdir(filepath.Join(secret, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	s.start()
	// The victim has had mail.
	s.script("require \"imap4flags\";\naddflag \"$Old\";\n", "victim")
	if err := s.deliver("victim", letter); err != nil {
		t.Fatal(err)
	}
	s.count("victim", "INBOX", 1)
	s.script("discard;\n", "victim")

	for i, a := range attacks {
		user := users[i]
		t.Run(a.name, func(t *testing.T) {
			a.do(attackers{t, s.home(user.Name), s.home("victim"), secret, user})
			before := snapshot(t, s.home("victim")) + snapshot(t, secret)
			err := s.deliver(user.Name, letter)
			if after := snapshot(t, s.home("victim")) + snapshot(t, secret); after != before {
				t.Errorf("files that the user has no right to changed:\n%s\nwere\n%s", after, before)
			}
			kept := len(own(t, filepath.Join(s.home(user.Name), ".Maildir/INBOX/new"))) +
				len(own(t, filepath.Join(s.home(user.Name), ".Maildir/INBOX/cur"))) +
				len(own(t, filepath.Join(s.home(user.Name), ".Maildir/Lists/new")))
			if !temporary(err) && (err != nil || kept != 1) {
				t.Errorf("answer %v, and %d messages kept", err, kept)
			}
		})
	}
}

// own are the messages in a directory that no symbolic link leads to.
func own(t *testing.T, dir string) []stored {
	t.Helper()
	for path := dir; path != "/"; path = filepath.Dir(path) {
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil
		}
	}
	return messagesIn(t, dir)
}

// snapshot describes a directory and all below it.
func snapshot(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		sys := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %v %d:%d %d links %d bytes %v\n", path, info.Mode(), sys.Uid, sys.Gid, sys.Nlink, info.Size(), info.ModTime())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			fmt.Fprintf(&b, "\t%q %v\n", text, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The programs of users who own different uids cannot be told to run as another.
func TestWrongOwner(t *testing.T) {
	s := newSite(t, []peer.User{{Name: "rooty", UID: 0, GID: 0}, {Name: "low", UID: 33, GID: 33}})
	s.start()
	for _, u := range s.users {
		if err := s.deliver(u.Name, letter); !temporary(err) {
			t.Errorf("mail for uid %d: %v", u.UID, err)
		}
		s.count(u.Name, "INBOX", 0)
	}
}
