package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dovetail/internal/fsx"
	"dovetail/internal/message"
	"dovetail/internal/peer"
	"dovetail/learn"
	"dovetail/learn/builtin"
	"dovetail/learn/queue"
)

const (
	pills  = "From: shop@pills.example\nTo: user1@example.org\nSubject: cheap pills\n\nBuy cheap pills today, winner %d\n"
	garden = "From: anna@example.net\nTo: user1@example.org\nSubject: our garden\n\nShall we meet in the garden tomorrow, %d?\n"
)

// scoring makes a site that scores at delivery by a file, for which this process
// teaches.
func scoring(t *testing.T) (s *site, path string) {
	t.Helper()
	s = newSite(t, peer.OneUID(2))
	path = filepath.Join(s.dir, "learn.db")
	s.extra["learn"] = fmt.Sprintf("[learn.builtin]\npath = %q\nmin_lessons = 20\nscore = true\nscore_timeout = '10s'\n", path)
	s.siteScripts()
	return s, path
}

func teach(t *testing.T, path string, from, to int) {
	t.Helper()
	c, err := builtin.Open(builtin.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var items []learn.Item
	for i := from; i < to; i++ {
		for class, text := range map[learn.Class]string{learn.Spam: pills, learn.Ham: garden} {
			m := message.Parse(fmt.Appendf(nil, text, i))
			h, err := learn.HashOf(m)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, learn.Item{Hash: h, Message: m, Class: class})
		}
	}
	for _, r := range c.Learn(t.Context(), "user1", items) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// The whole way with the default back end: what learn-spam and learn-ham are given
// dovetail-learnd teaches, and the next message is scored by it.
func TestScoreFromLessons(t *testing.T) {
	s := newSite(t, peer.OneUID(2))
	queueDir := filepath.Join(s.dir, "queue")
	if err := queue.Make(queueDir, queue.ModeShared); err != nil {
		t.Fatal(err)
	}
	s.extra["learn"] = fmt.Sprintf(`queue_dir = %q
status_file = "%[2]s/status.json"
[learn.builtin]
path = "%[2]s/learn.db"
score = true
score_timeout = '10s'
`, queueDir, s.dir)
	s.siteScripts()
	s.file(filepath.Join(s.dir, "bin/sa-learn-spam.sh"), fmt.Sprintf("#!/bin/sh\nexec %s -c %s \"$@\"\n", binary("learn-spam"), s.config()), 0o755)
	s.start()
	learnd := peer.StartProcess(t, filepath.Join(s.dir, "learnd.log"), binary("dovetail-learnd"), "-c", s.config())
	for i := range builtin.DefaultMinLessons {
		for program, text := range map[string]string{"learn-spam": pills, "learn-ham": garden} {
			cmd := exec.Command(binary(program), "-c", s.config(), "user1")
			cmd.Stdin = strings.NewReader(fmt.Sprintf(text, i))
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%s: %v: %s", program, err, out)
			}
		}
	}
	s.eventually("the lessons to be learned", func() bool {
		return strings.Count(learnd.Output(t), "outcome=learned") == 2*builtin.DefaultMinLessons
	})
	learnd.Stop(t)
	for _, tt := range []struct{ user, text, want string }{{"user1", garden, "No, "}, {"user2", pills, "Yes, "}} {
		if err := s.deliver(tt.user, strings.ReplaceAll(fmt.Sprintf(tt.text, 1000), "\n", "\r\n")); err != nil {
			t.Fatal(err)
		}
		for _, m := range s.count(tt.user, "INBOX", 1) {
			if status, _ := m.header("X-Spam-Status"); !strings.HasPrefix(status, tt.want) {
				t.Errorf("stored as\n%s", m.text)
			}
		}
	}
	// The marking script has piped the spam to be learned: it is our own word only.
	// What another filter found is not.
	lessons := func(want int) {
		t.Helper()
		q, err := queue.Open(queueDir, fsx.OS{})
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := q.IDs(); err != nil || len(ids) != want {
			t.Errorf("%d lessons in the queue, want %d (%v)", len(ids), want, err)
		}
	}
	lessons(0)
	if err := s.deliver("user2", "X-Bogosity: Spam\r\n"+strings.ReplaceAll(fmt.Sprintf(garden, 1001), "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	lessons(1)
}

// The site's marking script and spamtest act on the score, once there are lessons
// enough, and what was forged counts for nothing.
func TestScoreAtDelivery(t *testing.T) {
	s, path := scoring(t)
	s.extensions = "+spamtestplus +spamtest"
	s.script(`require ["spamtestplus", "relational", "comparator-i;ascii-numeric", "fileinto"];
if spamtest :percent :value "ge" :comparator "i;ascii-numeric" "99" { fileinto "Spam"; }
elsif allof (exists "X-Spam-Status", spamtest :percent :value "eq" :comparator "i;ascii-numeric" "0") { fileinto "Ham"; }`, "user1")
	s.start()
	send := func(text string) {
		t.Helper()
		if err := s.deliver("user1", strings.ReplaceAll(fmt.Sprintf(text, 1000), "\n", "\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	teach(t, path, 0, 10)
	send(pills)
	if m := s.count("user1", "INBOX", 1); len(m) > 0 && strings.Contains(m[0].text, "X-Spam") {
		t.Errorf("scored after ten lessons:\n%s", m[0].text)
	}
	teach(t, path, 10, 40)
	send(pills)
	send("X-Spam-Status: No, score=-100\nX-Spam-Flag: NO\n" + pills)
	for _, m := range s.count("user1", "Spam", 2) {
		status, _ := m.header("X-Spam-Status")
		flag, _ := m.header("X-Spam-Flag")
		mark, _ := m.header("X-Sieve-Mark")
		if !strings.HasPrefix(status, "Yes, score=9.9") || flag != "YES" || mark != "Spam" || strings.Count(m.text, "X-Spam") != 2 {
			t.Errorf("stored as\n%s", m.text)
		}
	}
	send("X-Spam-Status: Yes\nX-Spam-Flag: YES\n" + garden)
	for _, m := range s.count("user1", "Ham", 1) {
		if _, marked := m.header("X-Sieve-Mark"); marked || strings.Count(m.text, "X-Spam") != 1 {
			t.Errorf("stored as\n%s", m.text)
		}
	}
	if n := len(s.runs("sa-learn-spam.sh")); n != 2 {
		t.Errorf("the marking script has learned %d times, want 2", n)
	}
}

// Whatever is wrong with the classifier's file, mail is delivered and the log says so.
func TestScoreBroken(t *testing.T) {
	s, path := scoring(t)
	teach(t, path, 0, 30)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// A mail user may not read it.
	s.write()
	user := s.users[0]
	if status, said := s.lda(&user, fmt.Sprintf(pills, 1000), "-d", "user1"); status != 0 {
		t.Errorf("dovetail-lda: status %d, %s", status, said)
	}
	if m := s.count("user1", "INBOX", 1); len(m) > 0 && strings.Contains(m[0].text, "X-Spam") {
		t.Errorf("stored as\n%s", m[0].text)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		_ = os.Remove(name) // the last two are there only while it is open
	}
	if err := os.WriteFile(path, []byte("this is no database, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	if err := s.deliver("user2", strings.ReplaceAll(fmt.Sprintf(pills, 1000), "\n", "\r\n")); err != nil {
		t.Error(err)
	}
	s.count("user2", "INBOX", 1)
	s.logged("the message is not scored")
	s.logged(path)
}
