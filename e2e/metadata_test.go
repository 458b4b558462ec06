package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/peer"
)

// Scripts see the annotations that Dovecot has written for a user (RFC 5490), and
// none, with a word in the script's log, where the file is broken.
func TestMetadata(t *testing.T) {
	for version, c := range map[string]struct {
		start   func(peer.T, peer.DovecotOptions) *peer.Dovecot
		setting string
	}{
		"2.3": {peer.StartDovecot, "mail_attribute_dict = file:%h/dovecot-attributes"},
		"2.4": {peer.StartDovecot24, "mail_attribute {\n  dict file {\n    path = %{home}/dovecot-attributes\n  }\n}"},
	} {
		t.Run(version, func(t *testing.T) {
			users := peer.OwnUIDs(1)
			d := c.start(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation, Extra: c.setting})
			name := users[0].Name
			d.Doveadm("mailbox", "create", "-u", name, "Work")
			for _, args := range [][]string{
				{"INBOX", "/private/comment", "hello"},
				{"Work", "/shared/vendor/vendor.example/Thing", "two\nlines\twith \x01 | and \\"},
				{"-s", "", "/private/comment", "of the server"},
			} {
				d.Doveadm(append([]string{"mailbox", "metadata", "set", "-u", name}, args...)...)
			}

			s := withDovecot(t, d, users, siteLocation)
			s.extra["mail"] = `mail_attribute_dict = "file:%h/dovecot-attributes"`
			s.global += " +mboxmetadata +servermetadata"
			s.file(filepath.Join(s.dir, "sieve.d/metadata.sieve"), `require ["mboxmetadata", "servermetadata", "fileinto", "mailbox"];
				if allof (metadata "INBOX" "/private/comment" "hello", metadata "inbox" "/PRIVATE/Comment" "hello",
					metadata :contains "Work" "/shared/vendor/vendor.example/thing" "lines	with",
					metadata :matches "Work" "/shared/vendor/vendor.example/thing" "two*| and \\\\",
					servermetadata "/private/comment" "of the server",
					metadataexists "Work" "/shared/vendor/vendor.example/thing",
					not metadataexists "Work" ["/shared/vendor/vendor.example/thing", "/private/comment"],
					not metadataexists "INBOX" "/private/vendor/vendor.dovecot/pvt/server/comment",
					not metadataexists "Missing" "/private/comment",
					not servermetadataexists "/private/motd") {
					fileinto :create "Known";
				}`, 0o644)
			s.start()
			if err := s.deliver(name, letter); err != nil {
				t.Fatal(err)
			}
			s.count(name, "Known", 1)

			path := filepath.Join(s.home(name), "dovecot-attributes")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(text, "nonsense\n"...), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.deliver(name, letter); err != nil {
				t.Fatal(err)
			}
			s.count(name, "Known", 1)
			s.count(name, "INBOX", 1)
			log, err := os.ReadFile(s.log)
			if want := "mail_attribute_dict: " + path + ":"; err != nil || !strings.Contains(string(log), want) || !strings.Contains(string(log), "no key") {
				t.Errorf("%v: no %q in the log:\n%s", err, want, log)
			}
		})
	}
}
