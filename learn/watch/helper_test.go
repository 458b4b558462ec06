package watch_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/learn"
	"dovetail/learn/rule"
	"dovetail/learn/watch"
	"dovetail/maildir"
)

// watched is a Maildir and who watches it.
type watched struct {
	t       *testing.T
	root    string
	store   *maildir.Store
	watcher *watch.Watcher
	mail    watch.Mail
	queued  []string // subject class
	putErr  error
	off     bool // the user does not want to teach
	names   int
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	home := t.TempDir()
	w := &watched{t: t, root: home + "/Maildir"}
	location, err := maildir.ParseLocation("maildir:~/Maildir:LAYOUT=fs:INBOX=~/Maildir/INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = maildir.Open(maildir.Options{Location: location, Home: home, Separator: "/"}); err != nil {
		t.Fatal(err)
	}
	for _, box := range []string{"INBOX", "Spam", "Trash", "Work"} {
		w.makeBox(box)
	}
	w.watcher = &watch.Watcher{
		States: watch.States{Dir: t.TempDir(), FS: fsx.OS{}},
		Rules:  &rule.Settings{Junk: []string{"Spam", "Junk"}, Trash: []string{"Trash"}, Separator: "/"},
		Now:    time.Now, ScoreField: "X-Own",
		Put: func(_ context.Context, lesson learn.Lesson, r io.Reader) error {
			text, err := io.ReadAll(r)
			if err != nil || w.putErr != nil {
				return w.putErr
			}
			_, subject, _ := strings.Cut(string(text), "Subject: ")
			subject, _, _ = strings.Cut(subject, "\n")
			w.queued = append(w.queued, subject+" "+string(lesson.Class))
			return nil
		},
	}
	w.mail = watch.Mail{User: "bert", Off: func() bool { return w.off }, Store: w.store, Do: func(f func() error) error { return f() }}
	return w
}

func (w *watched) makeBox(box string) {
	w.t.Helper()
	for _, part := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(w.root, box, part), 0o700); err != nil {
			w.t.Fatal(err)
		}
	}
}

// breakBox makes a mailbox unreadable, for root too, until mend is called.
func (w *watched) breakBox(box string) (mend func()) {
	w.t.Helper()
	cur := filepath.Join(w.root, box, "cur")
	w.check(os.Rename(cur, cur+".away"))
	w.check(os.Symlink("cur", cur))
	return func() { w.t.Helper(); w.check(os.Remove(cur)); w.check(os.Rename(cur+".away", cur)) }
}

// look looks once and checks what lessons came of it ("SUBJECT CLASS").
func (w *watched) look(want ...string) *watch.Report {
	w.t.Helper()
	w.queued = nil
	report, err := w.watcher.Look(w.t.Context(), w.mail)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(w.queued)
	if fmt.Sprint(w.queued) != fmt.Sprint(want) {
		w.t.Errorf("lessons %q, want %q", w.queued, want)
	}
	for _, warning := range report.Warnings {
		w.t.Errorf("warning: %v", warning)
	}
	return report
}

// file is a message in the Maildir.
type file struct{ box, base, letters string }

func (f file) path(root string) string {
	if f.letters == "" {
		return filepath.Join(root, f.box, "new", f.base)
	}
	return filepath.Join(root, f.box, "cur", f.base+":2,"+f.letters)
}

// age is how long ago what is not new was received.
const age = 3 * time.Hour

// ahead, as the age of a message, is by how much the clock of who delivers it is ahead: so
// its file is changed within seconds of the time in its name, however slow this is.
const ahead = -30 * time.Second

// put writes a message that was received and filed that long ago. No two have the same
// time to the nanosecond: the file system soon uses the inode of a removed file again.
func (w *watched) put(box, subject string, ago time.Duration, extra ...string) file {
	w.t.Helper()
	received := time.Now().Add(-ago).Truncate(time.Second)
	f := file{box: box, base: w.name(received)}
	text := strings.Join(extra, "") + "Subject: " + subject + "\n\nThis is " + subject + "\n"
	w.check(os.WriteFile(f.path(w.root), []byte(text), 0o600))
	received = received.Add(time.Duration(w.names))
	w.check(os.Chtimes(f.path(w.root), received, received))
	return f
}

func (w *watched) name(at time.Time) string {
	w.names++
	return fmt.Sprintf("%d.M%dP1.host", at.Unix(), w.names)
}

// move moves a message as Dovecot does: a hard link with a new name, and the old
// one is removed.
func (w *watched) move(f file, box string) file {
	w.t.Helper()
	to := w.link(f, box)
	w.remove(f)
	return to
}

func (w *watched) link(f file, box string) file {
	w.t.Helper()
	to := file{box: box, base: w.name(w.watcher.Now()), letters: f.letters}
	w.check(os.Link(f.path(w.root), to.path(w.root)))
	return to
}

// moveCopy moves a message where hard links are not possible.
func (w *watched) moveCopy(f file, box string) file {
	w.t.Helper()
	to := file{box: box, base: w.name(time.Now()), letters: f.letters}
	text, err := os.ReadFile(f.path(w.root))
	w.check(err)
	info, err := os.Stat(f.path(w.root))
	w.check(err)
	w.check(os.WriteFile(to.path(w.root), text, 0o600))
	w.check(os.Chtimes(to.path(w.root), info.ModTime(), info.ModTime()))
	w.remove(f)
	return to
}

// flag changes the letters of a message.
func (w *watched) flag(f file, letters string) file {
	w.t.Helper()
	to := file{f.box, f.base, letters}
	w.check(os.Rename(f.path(w.root), to.path(w.root)))
	return to
}

func (w *watched) remove(f file) { w.t.Helper(); w.check(os.Remove(f.path(w.root))) }

// keywords names the letters a and b in a mailbox.
func (w *watched) keywords(box string) {
	w.t.Helper()
	w.check(os.WriteFile(filepath.Join(w.root, box, "dovecot-keywords"), []byte("0 $Junk\n1 $NotJunk\n"), 0o600))
}

func (w *watched) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
