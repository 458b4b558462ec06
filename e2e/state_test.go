package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dovetail/internal/peer"
)

const away = "require \"vacation\";\nvacation :days 7 \"I am away.\";\n"

// answering makes a site whose user1 is away and whose outgoing mail is kept by
// a sendmail program.
func answering(t *testing.T, state string) *site {
	t.Helper()
	s := newSite(t, peer.OneUID(1))
	s.state = state
	s.recorder("sendmail")
	s.extra["submission"] = fmt.Sprintf("sendmail = %q\n", filepath.Join(s.dir, "bin/sendmail"))
	s.script(away, "user1")
	return s
}

// hello delivers a message from somebody to user1.
func (s *site) hello(from string) {
	s.t.Helper()
	text := "From: " + from + "\r\nTo: user1@example.org\r\nSubject: hello\r\n\r\ntext\r\n"
	if err := peer.DeliverLMTP(s.t, s.lmtp(), from, []string{"user1@example.org"}, text)[0]; err != nil {
		s.t.Errorf("mail from %s: %v", from, err)
	}
}

// Two servers on one database answer each sender once. When the database is
// gone, mail is delivered, nobody is answered, and the log says so; when it is
// back all goes on.
func TestTwoServersAnswerOnce(t *testing.T) {
	db := peer.StartPostgres(t)
	servers := []*site{answering(t, db.URL), answering(t, db.URL)}
	answers := func() int { return len(servers[0].runs("sendmail")) + len(servers[1].runs("sendmail")) }
	for _, s := range servers {
		s.start()
	}
	const senders = 5
	var wg sync.WaitGroup
	for n := range senders {
		for _, s := range servers {
			for range 2 {
				wg.Go(func() { s.hello(fmt.Sprintf("sender%d@example.net", n)) })
			}
		}
	}
	wg.Wait()
	if n := answers(); n != senders {
		t.Fatalf("%d answers to %d senders", n, senders)
	}
	db.Kill()
	for _, s := range servers {
		s.hello("late@example.net")
		s.logged("no response is sent to late@example.net")
	}
	if n := answers(); n != senders {
		t.Errorf("%d answers without a database", n-senders)
	}
	db.Start()
	for _, s := range servers {
		s.hello("late@example.net")
		s.hello("sender1@example.net")
	}
	if n := answers(); n != senders+1 {
		t.Errorf("%d answers when the database is back", n-senders)
	}
	for _, s := range servers {
		if n := len(readAll(t, filepath.Join(s.home("user1"), ".Maildir/INBOX/new/*"))); n != 2*senders+3 {
			t.Errorf("%d messages were delivered", n)
		}
	}
}

// A server that is killed and started again knows whom it has answered.
func TestAnswersOutliveACrash(t *testing.T) {
	s := answering(t, "")
	for range 2 {
		s.start()
		s.hello("a@example.net")
		s.server.Kill()
	}
	runs := s.runs("sendmail")
	if len(runs) != 1 || !strings.Contains(runs[0], "Subject: Auto: hello") || !strings.Contains(runs[0], "I am away.") {
		t.Errorf("answers %q", runs)
	}
}
