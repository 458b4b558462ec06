package archive_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailstore/storetest"
	"dovetail/maildir"
)

// in opens a Maildir of the home, which is checked at the end.
func (h *home) in(location string) *maildir.Store {
	h.t.Helper()
	l, err := maildir.ParseLocation(location)
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := maildir.Open(maildir.Options{Location: l, Home: h.dir, Separator: "/"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		problems, err := maildir.Check(context.Background(), s, maildir.CheckOptions{Content: true})
		// What a disk that fails for good leaves in tmp goes in time.
		problems = slices.DeleteFunc(problems, func(p maildir.Problem) bool { return p.Text == "left in tmp" })
		if err != nil || len(problems) > 0 {
			h.t.Error(problems, err)
		}
	})
	return s
}

// lines are the messages of a mailbox, as line gives them, sorted.
func lines(t *testing.T, s *maildir.Store, mailbox string) []string {
	t.Helper()
	if ok, err := s.Exists(context.Background(), mailbox); !ok || err != nil {
		return nil
	}
	var all []string
	for _, e := range storetest.Entries(t, s, mailbox) {
		text, err := os.ReadFile(e.Path)
		if err != nil {
			t.Fatal(err)
		}
		subject, _, _ := strings.Cut(strings.TrimPrefix(string(text), "Subject: "), "\n")
		slices.Sort(e.Flags)
		l := line(subject, e.Flags...)
		if got := e.Received.UTC().Format(time.DateTime); !strings.HasPrefix(l, got) {
			t.Errorf("%s was received %s", subject, got)
		}
		all = append(all, l)
	}
	slices.Sort(all)
	return all
}

func wantLines(t *testing.T, s *maildir.Store, mailbox string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := lines(t, s, mailbox); !slices.Equal(got, want) {
		t.Errorf("%s has %q, want %q", mailbox, got, want)
	}
}

func TestMaildir(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	h.put("INBOX", text("two"), received, `\Seen`, "Work", "Junk")
	h.put("Lists/Go", text("three"), received, "Junk")
	for range 2 { // and so a second time
		h.archive("maildir:~/Old:LAYOUT=fs", "INBOX")
		h.archive("maildir:~/Old:LAYOUT=fs", "Lists/Go")
		h.archive("maildir:~/Years/%{year}/%{mailbox}", "Lists/Go")
	}
	old := h.in("maildir:~/Old:LAYOUT=fs")
	wantLines(t, old, "INBOX", line("one"), line("two", "Junk", "Work", `\Seen`))
	wantLines(t, old, "Lists/Go", line("three", "Junk"))
	wantLines(t, h.in("maildir:~/Years/2025/Lists.Go"), "INBOX", line("three", "Junk"))
	for i, e := range storetest.Entries(t, old, "INBOX") {
		base, _, _ := strings.Cut(filepath.Base(h.matches("INBOX")[i].Path()), ":")
		info, err := os.Stat(e.Path)
		if err != nil || !strings.HasPrefix(filepath.Base(e.Path), base) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Path, info.Mode(), err)
		}
	}
	if names, err := os.ReadDir(h.dir + "/Old/tmp"); err != nil || len(names) > 0 {
		t.Errorf("left in tmp: %v, %v", names, err)
	}
	// A flag that somebody has set in the archive hides nothing.
	there := storetest.Entries(t, old, "Lists/Go")[0].Path
	if err := os.Rename(there, strings.Replace(there, ":2,", ":2,S", 1)); err != nil {
		t.Fatal(err)
	}
	h.archive("maildir:~/Old:LAYOUT=fs", "Lists/Go")
	wantLines(t, old, "Lists/Go", line("three", "Junk", `\Seen`))
}

// Another message of the same name in the archive does not stand for this one.
func TestMaildirNameTaken(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	h.archive("maildir:~/Old", "INBOX")
	m := h.matches("INBOX")[0]
	if err := os.WriteFile(m.Path(), []byte(text("two")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(m.Path(), received, received); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h.archive("maildir:~/Old", "INBOX")
		wantLines(t, h.in("maildir:~/Old"), "INBOX", line("one"), line("two"))
	}
}

// More messages than are open at once.
func TestMaildirMany(t *testing.T) {
	h := newHome(t)
	dir := h.dir + "/Maildir/cur"
	h.put("INBOX", text("one"), received)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const n = 600
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, strings.Repeat("x", i%7+1)+string(rune('a'+i%26))+strings.Repeat("y", i/182)+":2,"), []byte(text("x")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := len(h.matches("INBOX"))
	h.archive("maildir:~/Old", "INBOX")
	if got := len(storetest.Entries(t, h.in("maildir:~/Old"), "INBOX")); got != want || want < 500 {
		t.Errorf("%d messages of %d", got, want)
	}
}

func TestMaildirFaults(t *testing.T) {
	testFaults(t, "maildir:~/new/a", func(h *home) []string { return lines(t, h.in("maildir:~/new/a"), "INBOX") })
}
