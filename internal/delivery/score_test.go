package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/message"
)

// judged is a Scorer that says what it is told to.
type judged struct {
	verdict map[string]string // by user
	class   map[string]string
	err     error
}

func (s judged) Score(_ context.Context, user string, m *message.Message) (*message.Message, string, error) {
	if s.err != nil {
		return m, "", s.err
	}
	return m.Prepend(message.RawField("X-Spam-Status", s.verdict[user])), s.class[user], nil
}

// The verdict is each user's own, and the scripts see it.
func TestScorer(t *testing.T) {
	script, err := filepath.Abs("../../testdata/site/dovecot.sieve")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, script)
	s.Scorer = judged{verdict: map[string]string{"anna": "Yes, score=9.99", "bert": "No, score=0.10"}}
	m := message.Parse([]byte("From: a@example.net\nTo: b@example.org\nSubject: x\n\ntext\n"))
	for i, err := range s.deliver(t, m, "anna@example.org", "bert@example.org") {
		if err != nil {
			t.Errorf("recipient %d: %v", i, err)
		}
	}
	for user, want := range map[string]string{"anna": "Spam", "bert": "INBOX"} {
		if got := boxes(t, s.stores[user]); !strings.Contains(got, want) {
			t.Errorf("%s has %s, want %s", user, got, want)
		}
	}
}

// A Scorer that fails is in the log, and the message is delivered.
func TestScorerFails(t *testing.T) {
	s := newSite(t, "")
	s.Scorer = judged{err: errors.New("learn.db: permission denied")}
	m := message.Parse([]byte("From: a@example.net\nSubject: x\n\ntext\n"))
	if err := s.deliver(t, m, "anna@example.org")[0]; err != nil {
		t.Error(err)
	}
	if got := boxes(t, s.stores["anna"]); !strings.Contains(got, "INBOX") {
		t.Errorf("anna has %s", got)
	}
	if log := s.log.String(); !strings.Contains(log, `"level":"WARN"`) || !strings.Contains(log, "the message is not scored: learn.db: permission denied") {
		t.Errorf("log %s", log)
	}
}

// Programs that scripts run are told the verdict, each user's own, whether by pipe or
// execute.
func TestVerdictForPrograms(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script.sieve")
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write(script, `require ["vnd.dovecot.pipe", "vnd.dovecot.execute", "copy"];
pipe :copy "tell" "pipe";
execute :pipe "tell" "execute";
`, 0o644)
	s := newSite(t, script)
	out := filepath.Join(s.dir, "said")
	write(out, "", 0o666)
	write(filepath.Join(s.dir, "tell"), fmt.Sprintf("#!/bin/sh\ncat >/dev/null\necho \"$1 $USER ${DOVETAIL_VERDICT-none}\" >>%s\n", out), 0o755)
	s.Programs.Execute = s.Programs.Pipe
	s.Scorer = judged{class: map[string]string{"anna": "spam"}}
	m := message.Parse([]byte("From: a@example.net\nSubject: x\n\ntext\n"))
	for i, err := range s.deliver(t, m, "anna@example.org", "bert@example.org") {
		if err != nil {
			t.Errorf("recipient %d: %v", i, err)
		}
	}
	said, err := os.ReadFile(out)
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	slices.Sort(lines)
	if want := []string{"execute anna spam", "execute bert none", "pipe anna spam", "pipe bert none"}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("%v, %q, want %q", err, lines, want)
	}
}
