package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"dovetail/internal/peer"
)

// A site's global script teaches what it marks as spam by `pipe :copy`, and the
// user's script files it. When the message is known already, learning must be no
// failure: with a program that said so, Dovecot kept a copy in INBOX as well.
func TestKnownSpamIsFiledOnce(t *testing.T) {
	spam := testdata(t, "demo/02-spam.eml")
	deliverTwice := func(t *testing.T, m *taught, addr, user, mail string) {
		t.Helper()
		for range 2 {
			if err := peer.DeliverLMTP(t, addr, "a@example.net", []string{user + "@example.org"}, spam)[0]; err != nil {
				t.Fatal(err)
			}
		}
		if lessons := m.lessons(); len(lessons) != 2 {
			t.Errorf("lessons %q, want one for each delivery", lessons)
		}
		inSpam, inInbox := messages(t, filepath.Join(mail, "Spam")), messages(t, filepath.Join(mail, "INBOX"))
		if len(inSpam) != 2 || len(inInbox) != 0 {
			t.Errorf("%d in Spam and %d in INBOX after two deliveries, want 2 and 0", len(inSpam), len(inInbox))
		}
	}
	for _, v := range dovecots {
		t.Run("Dovecot "+v.name, func(t *testing.T) {
			m := newTaught(t)
			scripts := filepath.Join(m.dir, "sieve.d")
			m.check(os.Mkdir(scripts, 0o755))
			m.check(os.WriteFile(filepath.Join(scripts, "20_rien-mark.sieve"), []byte(testdata(t, "site/20_rien-mark.sieve")), 0o644))
			d := v.start(t, peer.DovecotOptions{Users: peer.OneUID(1), MailLocation: siteLocation, SieveBefore: scripts,
				Personal: testdata(t, "site/dovecot.sieve"), PipeDir: filepath.Join(m.dir, "bin")})
			deliverTwice(t, m, "unix:"+d.LMTPSocket, "user1", filepath.Join(d.Home("user1"), ".Maildir"))
		})
	}
	t.Run("dovetail", func(t *testing.T) {
		m := newTaught(t)
		s := newSite(t, []peer.User{bert})
		s.siteScripts()
		s.script(testdata(t, "site/dovecot.sieve"), bert.Name)
		s.file(filepath.Join(s.dir, "bin/sa-learn-spam.sh"), fmt.Sprintf("#!/bin/sh\nexec %s/bin/sa-learn-spam.sh \"$@\"\n", m.dir), 0o755)
		s.start()
		deliverTwice(t, m, s.lmtp(), bert.Name, filepath.Join(s.home(bert.Name), ".Maildir"))
	})
}

// messages gives the files of a Maildir folder.
func messages(t *testing.T, folder string) []string {
	t.Helper()
	var files []string
	for _, part := range []string{"new", "cur"} {
		found, err := filepath.Glob(filepath.Join(folder, part, "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}
