package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/peer"
)

// awkward messages, which might be changed on their way.
var awkward = map[string]string{
	"plain":            letter + "Text.\r\n",
	"dots":             letter + ".\r\n..\r\n.hidden\r\nend.\r\n",
	"no body":          letter,
	"header alone":     "Subject: nothing more\r\n",
	"no header":        "\r\nA body only.\r\n",
	"no colon":         "Subject: one\r\nthis is no field\r\n\r\nText.\r\n",
	"eight bits":       "Subject: Gr\xfc\xdfe\r\nFrom: J\xc3\xb6rg <j@example.net>\r\n\r\n\xe4\xf6\xfc\xff\r\n",
	"NUL":              letter + "before\x00after\r\n",
	"carriage return":  letter + "one\rtwo\r\r\nthree\r\n",
	"long line":        letter + strings.Repeat("word ", 20000) + "\r\n",
	"long header":      "Subject: folded\r\n" + strings.Repeat("\tand more of it\r\n", 500) + "\r\nText.\r\n",
	"own trace fields": "Return-Path: <forged@example.net>\r\nDelivered-To: somebody@example.org\r\n" + letter + "Text.\r\n",
	"From line inside": letter + "From here on\r\n>From there\r\n",
	"spam":             "X-Spam-Flag: YES\r\n" + letter + "Text.\r\n",
	"spam, folded":     "X-Spam-Status: Yes,\r\n score=20\r\nX-Sieve-Mark: forged\r\n" + letter + "Text.\r\n",
	"sysadmin":         "From: root@host.example.org\r\nSubject: Cron\r\n\r\nDone.\r\n",
	"spam, no body":    "X-Spam-Flag: YES\r\nSubject: nothing more\r\n",
	"empty":            "",
	"large":            letter + strings.Repeat("A line of the letter, one of many.\r\n", 100_000),
	"large, CR CR LF":  letter + strings.Repeat("A line of the letter, one of many.\r\r\n", 10_000),
	"sysadmin, CR":     "From: root@host.example.org\r\nSubject: a\rb\r\nX-Empty:\r\nX-Tab:\tc\r\n\r\n\rText.\r\n",
	"sysadmin, 8 bits": "From: root@host.example.org\r\nSubject: Gr\xfc\xdfe\r\n\r\n\xe4\r\n",
}

// What dovetail stores is byte for byte what Dovecot stores of the same message
// under the same scripts: contents, sizes in the name, flags and folder.
func TestSameAsDovecot(t *testing.T) {
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			users := peer.OneUID(2)
			scripts := newSite(t, users) // of Dovecot: it compiles into the folder
			scripts.siteScripts()
			d := p.start(t, peer.DovecotOptions{
				Users: users, MailLocation: p.location, SieveBefore: filepath.Join(scripts.dir, "sieve.d"),
				Personal: testdata(t, "site/dovecot.sieve"), PipeDir: filepath.Join(scripts.dir, "bin"),
			})
			s := withDovecot(t, d, users, p.location)
			s.siteScripts()
			s.start()
			for name, message := range awkward {
				theirs := peer.DeliverLMTP(t, "unix:"+d.LMTPSocket, "a@example.net", []string{"user1@example.org"}, message)[0]
				ours := s.deliver("user2", message)
				if theirs != nil || ours != nil {
					t.Errorf("%s: Dovecot answers %v, dovetail %v", name, theirs, ours)
				}
				for _, folder := range []string{"INBOX", "Spam"} {
					if theirs, ours := s.taken("user1", folder), s.taken("user2", folder); !slices.Equal(ours, theirs) {
						t.Errorf("%s, %s: dovetail stores\n%.2000q\nDovecot\n%.2000q", name, folder, ours, theirs)
					}
				}
			}
			if theirs, ours := len(scripts.runs("sa-learn-spam.sh")), len(s.runs("sa-learn-spam.sh")); theirs != 3 || ours != 3 {
				t.Errorf("learned by Dovecot's pipe %d, by dovetail's %d, want 3", theirs, ours)
			}
		})
	}
}

// unique is the part of a file's name that differs for each message.
var unique = regexp.MustCompile(`^[^,]*,`)

// taken describes the messages in a folder of a user and removes them.
func (s *site) taken(user, folder string) []string {
	s.t.Helper()
	var found []string
	for _, m := range s.mail(user, folder) {
		name := filepath.Base(filepath.Dir(m.path)) + "/" + unique.ReplaceAllString(filepath.Base(m.path), "")
		found = append(found, fmt.Sprintf("%s %v\n%s", name, m.info.Mode(), strings.ReplaceAll(m.text, user, "user")))
		remove(s.t, m.path)
	}
	slices.Sort(found)
	return found
}
