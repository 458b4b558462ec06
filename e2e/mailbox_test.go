package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dovetail/maildir"
)

// stored is a message on disk.
type stored struct {
	path string
	text string
	info os.FileInfo
}

// folder is the directory of a user's folder.
func (s *site) folder(user, folder string) string {
	home := s.home(user)
	switch {
	case s.location == siteLocation:
		return filepath.Join(home, ".Maildir", folder)
	case folder == "INBOX":
		return filepath.Join(home, "Maildir")
	}
	return filepath.Join(home, "Maildir", "."+folder)
}

// mail returns the messages in a user's folder, in new and cur.
func (s *site) mail(user, folder string) []stored {
	s.t.Helper()
	var messages []stored
	for _, sub := range []string{"new", "cur"} {
		messages = append(messages, messagesIn(s.t, filepath.Join(s.folder(user, folder), sub))...)
	}
	return messages
}

func messagesIn(t *testing.T, dir string) []stored {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var messages []stored
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, stored{path, string(text), info})
	}
	return messages
}

// count checks how many messages a user's folder holds, and returns them.
func (s *site) count(user, folder string, want int) []stored {
	s.t.Helper()
	messages := s.mail(user, folder)
	if len(messages) != want {
		s.t.Errorf("%d messages in %s of %s, want %d", len(messages), folder, user, want)
	}
	return messages
}

// header returns the field of a stored message, and whether there is one.
func (m stored) header(name string) (string, bool) {
	head, _, _ := strings.Cut(m.text, "\n\n")
	for line := range strings.Lines(head) {
		if field, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(field, name) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// sound checks that the mailboxes of a user are as they should be. What is in
// tmp for less than tmpAge may be there.
func (s *site) sound(user string, tmpAge time.Duration) {
	s.t.Helper()
	location, err := maildir.ParseLocation(s.location)
	if err != nil {
		s.t.Fatal(err)
	}
	store, err := maildir.Open(maildir.Options{Location: location, Home: s.home(user)})
	if err != nil {
		s.t.Fatal(err)
	}
	problems, err := maildir.Check(context.Background(), store, maildir.CheckOptions{TmpAge: tmpAge, Content: true})
	if err != nil {
		s.t.Errorf("checking the mail of %s: %v", user, err)
	}
	for _, p := range problems {
		s.t.Errorf("mail of %s: %v", user, p)
	}
}

// readAll reads the files that match a pattern.
func readAll(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
