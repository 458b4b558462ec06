package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
	"dovetail/internal/peer/load"
)

// marks is a site script that writes a header field.
func marks(value string) string {
	return fmt.Sprintf("require \"editheader\";\naddheader \"X-Version\" %q;\n", value)
}

// latest delivers a message and returns it as it was stored.
func (s *site) latest(user string) stored {
	s.t.Helper()
	before := map[string]bool{}
	for _, m := range s.mail(user, "INBOX") {
		before[m.path] = true
	}
	if err := s.deliver(user, letter); err != nil {
		s.t.Fatalf("answer %v", err)
	}
	for _, m := range s.mail(user, "INBOX") {
		if !before[m.path] {
			return m
		}
	}
	s.t.Fatalf("nothing new in the INBOX of %s", user)
	return stored{}
}

// SIGHUP with a broken configuration: it is reported with its line, and the old
// one stays. With a good one the new settings are in force, for sessions that
// begin then, and no delivery is lost meanwhile.
func TestReload(t *testing.T) {
	s := newSite(t, peer.OneUID(2))
	s.start()
	good := s.extra["lmtp"]
	s.extra["lmtp"] = "lmtp_add_recieved_header = true\n"
	s.write()
	s.reload()
	s.logged("lmtp_add_recieved_header")
	if log := s.server.Output(t); !strings.Contains(log, s.config()+":") {
		t.Errorf("the log does not name the line:\n%s", log)
	}
	if _, ok := s.latest("user1").header("Received"); ok || !s.server.Running() {
		t.Errorf("Received: %v, running: %v", ok, s.server.Running())
	}

	s.extra["lmtp"], s.userdb = good, strings.ReplaceAll(s.userdb, "passwd-file", "static")
	s.userdb = fmt.Sprintf("driver = \"static\"\nuid = \"%[1]d\"\ngid = \"%[1]d\"\nhome = \"%[2]s/home/%%n\"\nusers = [\"user2\"]\n", peer.MailUID, s.dir)
	s.extra["sieve"] = fmt.Sprintf("sieve_after = [%q]\n", filepath.Join(s.dir, "after.sieve"))
	s.file(filepath.Join(s.dir, "after.sieve"), marks("after"), 0o644)
	s.write()
	s.reload()
	s.eventually("user1 to be unknown", func() bool { return s.deliver("user1", letter) != nil })
	if v, _ := s.latest("user2").header("X-Version"); v != "after" {
		t.Errorf("X-Version %q: sieve_after is not in force", v)
	}
}

// Whatever is signalled while mail comes in, no delivery fails for it.
func TestReloadUnderLoad(t *testing.T) {
	s := newSite(t, peer.OneUID(5))
	s.siteScripts()
	s.start()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := load.Run(ctx, load.Options{Addr: s.lmtp(), Conns: 4, Messages: 2000, Users: 5, Rcpts: 2})
		ended <- err
	}()
	for reloads, running := 0, true; running; reloads++ {
		select {
		case err := <-ended:
			if running = false; err != nil || reloads < 3 {
				t.Errorf("while the configuration was read %d times: %v", reloads, err)
			}
		case <-time.After(20 * time.Millisecond):
			s.reload()
		}
	}
	for _, u := range s.users {
		s.sound(u.Name, 0)
	}
}

// A site script that changes on disk is used by the next delivery, without any
// signal. While it is broken the last good one stays in force, and the log has
// its file, line and column.
func TestScriptChanges(t *testing.T) {
	s := newSite(t, peer.OneUID(1))
	script := filepath.Join(s.dir, "sieve.d/10_mark.sieve")
	s.file(script, marks("one"), 0o644)
	s.start()
	version := func(want string) {
		t.Helper()
		if v, _ := s.latest("user1").header("X-Version"); v != want {
			t.Errorf("X-Version %q, want %q", v, want)
		}
	}
	version("one")
	s.file(script, marks("two"), 0o644) // the same size
	version("two")
	s.file(script, "require \"editheader\";\naddheader \"X-Version\" ;\n", 0o644)
	version("two")
	s.logged("10_mark")
	if log := s.server.Output(t); !strings.Contains(log, "10_mark.sieve:2:") && !strings.Contains(log, "10_mark:2:") {
		t.Errorf("the log lacks the place of the error:\n%s", log)
	}
	version("two")
	s.file(script, marks("three"), 0o644)
	version("three")
	s.file(filepath.Join(s.dir, "sieve.d/20_more.sieve"), "require \"imap4flags\";\naddflag \"$Label1\";\n", 0o644)
	s.count("user1", "INBOX", 5)
	if path := s.latest("user1").path; !strings.HasSuffix(path, ":2,a") {
		t.Errorf("a script added to the folder has no effect: %s", path)
	}
}

// A user's broken script: the site's scripts have their effect, the mail is kept
// in INBOX, and the user finds the reason beside the script.
func TestUserScriptBroken(t *testing.T) {
	s := newSite(t, peer.OneUID(1))
	s.siteScripts()
	s.script("require \"fileinto\";\nfileinto \"Spam\"\n", "user1")
	s.start()
	if err := s.deliver("user1", testdata(t, "demo/02-spam.eml")); err != nil {
		t.Errorf("answer %v", err)
	}
	s.count("user1", "INBOX", 1)
	log := readAll(t, filepath.Join(s.home("user1"), ".dovecot.sieve.log"))
	if len(log) != 1 || !strings.Contains(log[0], ":3") && !strings.Contains(log[0], ":2") {
		t.Errorf("the user's log: %q", log)
	}
	if runs := s.runs("sa-learn-spam.sh"); len(runs) != 1 {
		t.Errorf("the site's pipe ran %d times", len(runs))
	}
}
