package archive_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
)

func TestMbox(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	h.put("INBOX", text("two"), received, `\Seen`, `\Flagged`, "Work", "$Label1")
	h.put("INBOX", "Return-Path: <a@example.net>\nStatus: RO\nX-Keywords: no\nSubject: three\n\nFrom here\n>From there\n\n\nend", received, `\Answered`, `\Draft`, `\Deleted`)
	h.archive("mbox:~/a/b/%n.mbox", "INBOX")
	three := `2025-03-09 08:07:06 ["\\Answered" "\\Deleted" "\\Draft"] "Return-Path: <a@example.net>\nSubject: three\n\nFrom here\n>From there\n\n\nend\n"`
	h.want("a/b/anna.mbox", line("one"), line("two", "$Label1", "Work", `\Flagged`, `\Seen`), three)
	raw, err := os.ReadFile(h.dir + "/a/b/anna.mbox")
	if err != nil || !strings.Contains(string(raw), "\nFrom a@example.net Sun Mar  9 08:07:06 2025 +0000\n") {
		t.Errorf("%v: %s", err, raw)
	}
	for name, want := range map[string]os.FileMode{"a": 0o700, "a/b": 0o700, "a/b/anna.mbox": 0o600, "a/b/.anna.mbox.dovetail": 0o600} {
		if info, err := os.Stat(filepath.Join(h.dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if names, err := os.ReadDir(h.dir + "/a/b"); err != nil || len(names) != 2 {
		t.Errorf("%v, %v: a lock was left", names, err)
	}
	// Again is once, and what is new comes behind it.
	h.put("INBOX", text("four"), received)
	h.archive("mbox:~/a/b/%n.mbox", "INBOX")
	h.want("a/b/anna.mbox", line("one"), line("two", "$Label1", "Work", `\Flagged`, `\Seen`), three, line("four"))
	if len(h.warnings) > 0 {
		t.Error(h.warnings)
	}
}

// Messages of different years and mailboxes go to files of their own; equal messages
// under different names are two, one message in two mailboxes is one.
func TestMboxPlaces(t *testing.T) {
	h := newHome(t)
	h.put("Lists/Go", text("one"), received)
	h.put("Lists/Go", text("old"), received.AddDate(-1, 0, 0))
	h.put("Lists/Go", text("one"), received)
	h.archive("mbox:~/%{mailbox}-%{year}", "Lists/Go")
	h.want("Lists.Go-2025", line("one"), line("one"))
	h.want("Lists.Go-2024", strings.Replace(line("old"), "2025", "2024", 1))
	if err := os.MkdirAll(h.dir+"/Maildir/.Copy/cur", 0o700); err != nil {
		t.Fatal(err)
	}
	m := h.matches("Lists/Go")[0]
	if err := os.Link(m.Path(), h.dir+"/Maildir/.Copy/cur/"+filepath.Base(m.Path())+":2,S"); err != nil {
		t.Fatal(err)
	}
	for _, mailbox := range []string{"Lists/Go", "Copy"} {
		h.archive("mbox:~/all", mailbox)
	}
	if n := len(h.kept("all")); n != 3 {
		t.Errorf("%d messages", n)
	}
}

// Line ends become LF in a file; a Maildir keeps each byte.
func TestLineEnds(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	m := h.matches("INBOX")[0]
	crlf := strings.ReplaceAll(text("one"), "\n", "\r\n")
	if err := errors.Join(os.WriteFile(m.Path(), []byte(crlf), 0o600), os.Chtimes(m.Path(), received, received)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h.archive("mbox:~/a", "INBOX")
		h.want("a", line("one"))
		h.archive("maildir:~/old", "INBOX")
		if files := glob(t, h.dir+"/old/new/*"); len(files) != 1 || string(h.read(files[0])) != crlf {
			t.Errorf("%q", files)
		}
	}
}

// What is in the file by other hands stays, and a lost or wrong index loses no message.
func TestMboxOfOthers(t *testing.T) {
	other := "From b@example.net Sun Mar  9 08:07:06 2025\nSubject: other\n\nText of other"
	for name, c := range map[string]struct {
		change func(file, index string) error
		want   []string // beside one and two
	}{
		"another message before": {func(file, index string) error { return os.WriteFile(file, []byte(other), 0o600) }, nil},
		"index lost":             {func(_, index string) error { return os.Remove(index) }, []string{line("one")}},
		"index broken":           {func(_, index string) error { return os.WriteFile(index, []byte("nonsense\n"), 0o600) }, []string{line("one")}},
		"index of another file":  {func(file, _ string) error { return os.WriteFile(file, nil, 0o600) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.put("INBOX", text("one"), received)
			h.archive("mbox:~/a", "INBOX")
			if err := c.change(h.dir+"/a", h.dir+"/.a.dovetail"); err != nil {
				t.Fatal(err)
			}
			h.put("INBOX", text("two"), received)
			h.archive("mbox:~/a", "INBOX")
			want := append(c.want, line("one"), line("two"))
			if name == "another message before" {
				want = append([]string{line("other")}, want...)
			}
			h.want("a", want...)
			h.archive("mbox:~/a", "INBOX")
			h.want("a", want...)
		})
	}
}

func TestMboxRefused(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	for name, make := range map[string]func(file string) error{
		"not an mbox": func(file string) error { return os.WriteFile(file, []byte("precious"), 0o600) },
		"a directory": func(file string) error { return os.Mkdir(file, 0o700) },
		"a pipe":      func(file string) error { return unix.Mkfifo(file, 0o600) },
		"in a file":   func(file string) error { return os.WriteFile(filepath.Dir(file), nil, 0o600) },
	} {
		dir := h.dir + "/" + name
		if name != "in a file" {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := make(dir + "/a"); err != nil {
			t.Fatal(err)
		}
		a := h.open("mbox:~/"+name+"/a", fsx.OS{})
		m := h.matches("INBOX")[0]
		if err := a.Add(context.Background(), &m, opener(m)); err != nil {
			t.Error(err)
		}
		err := a.Flush(context.Background())
		if err == nil || !strings.Contains(err.Error(), dir+"/a") {
			t.Errorf("%s: %v", name, err)
		}
		// After that nothing is taken for archived.
		if again := a.Flush(context.Background()); again == nil {
			t.Errorf("%s: no error the second time", name)
		}
		if err := a.Add(context.Background(), &m, opener(m)); err == nil {
			t.Errorf("%s: added to a broken archive", name)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(h.dir + "/not an mbox/a"); err != nil || string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}

// A message that cannot be read is its own affair.
func TestUnreadable(t *testing.T) {
	h := newHome(t)
	for _, subject := range []string{"one", "gone", "unreadable", "two"} {
		h.put("INBOX", text(subject), received)
	}
	a := h.open("mbox:~/a", fsx.OS{})
	denied := errors.New("denied")
	for i, m := range h.matches("INBOX") {
		open, want := opener(m), error(nil)
		switch i {
		case 1:
			file, err := os.Open(m.Path())
			if err != nil {
				t.Fatal(err)
			}
			open, want = func() (io.ReadCloser, error) { return file, nil }, mailstore.ErrNoMessage
			if err := os.Remove(m.Path()); err != nil {
				t.Fatal(err)
			}
		case 2:
			open, want = func() (io.ReadCloser, error) { return nil, denied }, denied
		}
		if err := a.Add(context.Background(), &m, open); !errors.Is(err, want) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if err := errors.Join(a.Flush(context.Background()), a.Close()); err != nil {
		t.Error(err)
	}
	h.want("a", line("one"), line("two"))
}

// What waits for other programs' locks goes on when they are gone or void.
func TestMboxLocked(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	h.archive("mbox:~/a", "INBOX")
	h.put("INBOX", text("two"), received)
	dot := h.dir + "/a.lock"
	if err := os.WriteFile(dot, []byte("1:elsewhere.example.org"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.isLocked()
	time.AfterFunc(50*time.Millisecond, func() { os.Remove(dot) })
	h.archive("mbox:~/a", "INBOX")
	h.want("a", line("one"), line("two"))

	file, err := os.OpenFile(h.dir+"/a", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &l); err != nil {
		t.Fatal(err)
	}
	h.isLocked()
	time.AfterFunc(50*time.Millisecond, func() { file.Close() })
	h.archive("mbox:~/a", "INBOX")
	h.want("a", line("one"), line("two"))

	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dot, []byte("999999999:"+host), 0o600); err != nil { // nobody has that id
		t.Fatal(err)
	}
	h.put("INBOX", text("three"), received)
	h.archive("mbox:~/a", "INBOX")
	h.want("a", line("one"), line("two"), line("three"))
}

// isLocked wants an archive of the home to wait.
func (h *home) isLocked() {
	h.t.Helper()
	a := h.open("mbox:~/a", fsx.OS{})
	m := h.matches("INBOX")[1]
	if err := a.Add(context.Background(), &m, opener(m)); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := a.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		h.t.Errorf("with a lock of another program: %v", err)
	}
	if err := a.Close(); err != nil {
		h.t.Error(err)
	}
}
