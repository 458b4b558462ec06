package watch_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/learn"
)

// What users do with messages between two looks, and what it teaches.
func TestChanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(w *watched) file // before the first look
		act    func(w *watched, f file)
		want   []string
	}{
		{"to the junk folder", inbox, func(w *watched, f file) { w.move(f, "Spam") }, []string{"letter spam"}},
		{"to the junk folder, copied", inbox, func(w *watched, f file) { w.moveCopy(f, "Spam") }, []string{"letter spam"}},
		{"to the junk folder, left in INBOX", inbox, func(w *watched, f file) { w.link(f, "Spam") }, []string{"letter spam"}},
		{"to INBOX", spam, func(w *watched, f file) { w.move(f, "INBOX") }, []string{"letter ham"}},
		{"to another folder", spam, func(w *watched, f file) { w.move(f, "Work") }, []string{"letter ham"}},
		{"to INBOX, copied", spam, func(w *watched, f file) { w.moveCopy(f, "INBOX") }, []string{"letter ham"}},
		{"to INBOX, still there as deleted", spam, func(w *watched, f file) { w.link(f, "INBOX"); w.flag(f, "T") }, []string{"letter ham"}},
		{"to INBOX and from there to a folder", spam, func(w *watched, f file) { w.move(w.move(f, "INBOX"), "Work") }, []string{"letter ham"}},
		{"copied to INBOX", spam, func(w *watched, f file) { w.link(f, "INBOX") }, nil},
		{"to the trash", spam, func(w *watched, f file) { w.move(f, "Trash") }, nil},
		{"to the trash, copied", spam, func(w *watched, f file) { w.moveCopy(f, "Trash") }, nil},
		{"deleted", spam, func(w *watched, f file) { w.remove(f) }, nil},
		{"flagged deleted", spam, func(w *watched, f file) { w.flag(f, "T") }, nil},
		{"read", spam, func(w *watched, f file) { w.flag(f, "S") }, nil},
		{"out and in again", spam, func(w *watched, f file) { w.move(w.move(f, "INBOX"), "Spam") }, nil},
		{"copied within the junk folder", spam, func(w *watched, f file) { w.link(f, "Spam") }, nil},
		{"to another junk folder", spam, func(w *watched, f file) { w.makeBox("Junk"); w.move(f, "Junk") }, nil},
		{"to a folder below", spam, func(w *watched, f file) { w.makeBox("Spam/old"); w.moveCopy(f, "Spam/old") }, nil},
		{"in and deleted", inbox, func(w *watched, f file) { w.flag(w.move(f, "Spam"), "T") }, nil},
		{"delivered as spam", inbox, func(w *watched, _ file) { w.put("Spam", "filed", 0) }, nil},
		{"moved by a script", inbox, func(w *watched, _ file) {
			w.move(w.put("INBOX", "filed", age, "X-Spam-Flag: YES\n"), "Spam")
		}, nil},
		{"moved by a script, by our own score", inbox, func(w *watched, _ file) {
			w.move(w.put("INBOX", "filed", age, "x-own: Yes, score=9.99 required=9.90\n"), "Spam")
		}, nil},
		{"moved though our own score is good", inbox, func(w *watched, _ file) {
			w.move(w.put("INBOX", "fresh", age, "X-Own: No, score=0.10\n"), "Spam")
		}, []string{"fresh spam"}},
		{"new mail while spam is deleted", spam, func(w *watched, f file) { w.remove(f); w.put("INBOX", "other", 0) }, nil},
		{"the junk folder renamed", spam, func(w *watched, _ file) { w.check(os.Rename(w.root+"/Spam", w.root+"/Old")) }, nil},
		{"the junk folder removed", spam, func(w *watched, _ file) { w.check(os.RemoveAll(w.root + "/Spam")) }, nil},
		{"a backup restored", inbox, func(w *watched, _ file) { w.put("Spam", "old", age) }, nil},
		{"a backup of what was moved restored", inbox, func(w *watched, f file) {
			old := file{box: "Spam", base: w.name(time.Now().Add(-time.Hour))}
			w.check(os.Rename(f.path(w.root), old.path(w.root)))
		}, nil},
		{"to a junk folder that is new", inbox, func(w *watched, f file) { w.makeBox("Junk"); w.move(f, "Junk") }, []string{"letter spam"}},
		{"keyword $Junk", inbox, func(w *watched, f file) { w.flag(f, "a") }, []string{"letter spam"}},
		{"keyword $NotJunk", inbox, func(w *watched, f file) { w.flag(f, "Sb") }, []string{"letter ham"}},
		{"both keywords", inbox, func(w *watched, f file) { w.flag(f, "ab") }, nil},
		{"keyword $NotJunk in the junk folder", spam, func(w *watched, f file) { w.flag(f, "b") }, []string{"letter ham"}},
		{"keyword in the trash", func(w *watched) file { w.keywords("Trash"); return w.put("Trash", "letter", age) },
			func(w *watched, f file) { w.flag(f, "a") }, nil},
		{"delivered with a keyword", inbox, func(w *watched, _ file) { w.flag(w.put("INBOX", "filed", ahead), "a") }, nil},
		{"delivered with a verdict and a keyword, and read", inbox, func(w *watched, _ file) {
			w.flag(w.put("INBOX", "filed", 30*time.Second, "X-Spam-Status: Yes\n"), "Sa")
		}, nil},
		{"keyword for what has just come", inbox, func(w *watched, _ file) { w.flag(w.put("INBOX", "fresh", 30*time.Second), "a") },
			[]string{"fresh spam"}},
		{"a restored folder with keywords", inbox, func(w *watched, _ file) {
			w.makeBox("Restored")
			w.keywords("Restored")
			w.flag(w.put("Restored", "old", age), "a")
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWatched(t)
			w.keywords("INBOX")
			w.keywords("Spam")
			f := c.before(w)
			if report := w.look(); !report.First {
				t.Error("it was not the first look")
			}
			c.act(w, f)
			w.look(c.want...)
			w.look() // the same again teaches nothing
		})
	}
}

func inbox(w *watched) file { return w.put("INBOX", "letter", age) }
func spam(w *watched) file  { return w.put("Spam", "letter", age) }

// A message that was rescued and comes back is spam after all, whatever a filter
// once said of it.
func TestRescuedComesBack(t *testing.T) {
	w := newWatched(t)
	f := w.put("Spam", "letter", age, "X-Spam-Flag: YES\n")
	w.look()
	f = w.move(f, "INBOX")
	w.look("letter ham")
	w.move(f, "Spam")
	w.look("letter spam")
}

// The setting teaches what was filed, too.
func TestFiled(t *testing.T) {
	w := newWatched(t)
	w.look()
	w.put("Spam", "filed", 0)
	if report := w.look(); report.Filed != 1 {
		t.Errorf("%d messages filed, want 1", report.Filed)
	}
	w.watcher.Filed = true
	w.put("Spam", "again", 0)
	w.look("again spam")
}

// Undeleting and deleting later are no second event.
func TestDeletedFlag(t *testing.T) {
	w := newWatched(t)
	f := w.put("Spam", "letter", age)
	w.look()
	w.link(f, "INBOX")
	f = w.flag(f, "T")
	w.look("letter ham")
	f = w.flag(f, "S")
	w.look()
	w.remove(f)
	w.look()
}

// Who does not want to teach does not, and is not taught of later.
func TestOff(t *testing.T) {
	w := newWatched(t)
	f := w.put("INBOX", "letter", age)
	w.look()
	w.off = true
	w.move(f, "Spam")
	w.look()
	w.off = false
	w.look()
}

// Nor does who switches it off while a look is under way, and acts then.
func TestSwitchedOffMeanwhile(t *testing.T) {
	w := newWatched(t)
	f := w.put("INBOX", "letter", age)
	w.look()
	do := w.mail.Do
	w.mail.Do = func(look func() error) error {
		if !w.off {
			w.off = true
			w.move(f, "Spam")
		}
		return do(look)
	}
	w.look()
}

// While the queue takes nothing, changes are kept for the next look. One message
// that cannot be read holds up nothing.
func TestErrors(t *testing.T) {
	w := newWatched(t)
	f := w.put("INBOX", "letter", age)
	w.look()
	w.putErr = errors.New("disk full")
	w.move(f, "Spam")
	for range 2 {
		if _, err := w.watcher.Look(t.Context(), w.mail); !errors.Is(err, w.putErr) {
			t.Errorf("error %v, want %v", err, w.putErr)
		}
	}
	w.putErr = nil
	name := fmt.Sprintf("%s/Spam/new/%d.M1P2.host", w.root, time.Now().Unix())
	w.check(os.Symlink("/etc/passwd", name))
	report, err := w.watcher.Look(t.Context(), w.mail)
	if err != nil || len(report.Lessons) != 1 || len(report.Warnings) == 0 {
		t.Errorf("%+v, %v: want one lesson and a warning", report, err)
	}
	if strings.Contains(fmt.Sprint(w.queued), "root") {
		t.Error("a symbolic link was followed")
	}
}

// A look that ended before its state was saved is done again, whole, and so is one
// whose state cannot be written.
func TestCrash(t *testing.T) {
	w := newWatched(t)
	f := w.put("INBOX", "letter", age)
	w.look()
	w.move(f, "Spam")
	states := w.watcher.States
	for _, fail := range []string{"open", "rename"} {
		w.queued = nil
		w.watcher.States.FS = failing{fsx.OS{}, fail}
		if _, err := w.watcher.Look(t.Context(), w.mail); err == nil {
			t.Errorf("%s failed and the look did not", fail)
		}
		if len(w.queued) != 1 {
			t.Errorf("lessons %q", w.queued)
		}
	}
	w.watcher.States = states
	w.look("letter spam")
	w.look()
}

// failing is a file system where writing a state fails.
type failing struct {
	fsx.FS
	what string
}

func (f failing) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	if f.what == "open" && flag&os.O_CREATE != 0 {
		return nil, fs.ErrPermission
	}
	return f.FS.OpenFile(name, flag, perm)
}

func (f failing) Rename(oldname, newname string) error {
	if f.what == "rename" {
		return fs.ErrPermission
	}
	return f.FS.Rename(oldname, newname)
}

// A state that is damaged, or of another version, is begun anew and said so.
func TestDamagedState(t *testing.T) {
	for _, text := range []string{"", "{", `{"version":9}`, `{"version":1,"boxes":{"Spam":{"seen":"AAAA"}}}`} {
		w := newWatched(t)
		f := w.put("INBOX", "letter", age)
		w.look()
		files, err := filepath.Glob(w.watcher.States.Dir + "/*")
		if err != nil || len(files) != 1 {
			t.Fatalf("%v %v", files, err)
		}
		w.check(os.WriteFile(files[0], []byte(text), 0o600))
		f = w.move(f, "Spam")
		report, err := w.watcher.Look(t.Context(), w.mail)
		if err != nil || len(report.Warnings) != 1 || !report.First || len(w.queued) > 0 {
			t.Errorf("%q: %+v, %v", text, report, err)
		}
		w.move(f, "INBOX")
		w.look("letter ham")
	}
}

// The files of users are apart, whatever their names are.
func TestUserNames(t *testing.T) {
	w := newWatched(t)
	long := strings.Repeat("ü", 300)
	for _, user := range []string{"a", "a/b", "../a", ".", "a@example.org", long, long + "x"} {
		w.mail.User = user
		if report := w.look(); !report.First {
			t.Errorf("%q has the state of another user", user)
		}
	}
	entries, err := os.ReadDir(w.watcher.States.Dir)
	if err != nil || len(entries) != 7 {
		t.Errorf("%v, %v: want 7 files", entries, err)
	}
}

// Folders whose directories did not change are not read.
func TestCheap(t *testing.T) {
	w := newWatched(t)
	w.put("Spam", "letter", age)
	long := time.Now().Add(-time.Hour)
	settle := func() {
		for _, part := range []string{"new", "cur"} {
			w.check(os.Chtimes(filepath.Join(w.root, "Spam", part), long, long))
		}
	}
	settle()
	w.look()
	// A message that comes without a trace in the directory's time is not seen.
	f := w.put("INBOX", "other", age)
	w.move(f, "Spam")
	settle()
	w.look()
	now := time.Now().Add(time.Minute) // so that it has just changed, however slow this is
	w.check(os.Chtimes(filepath.Join(w.root, "Spam/new"), now, now))
	w.look("other spam")

	// A directory that has just changed may change again without another time.
	w.move(w.put("INBOX", "third", age), "Spam")
	w.check(os.Chtimes(filepath.Join(w.root, "Spam/new"), now, now))
	w.look("third spam")
}

// A folder with many messages that were there before becomes known little by
// little, and a copy of each is told then.
func TestManyBefore(t *testing.T) {
	w := newWatched(t)
	var files []file
	for i := range 250 {
		files = append(files, w.put("Spam", fmt.Sprint("letter", i), age))
	}
	for range 3 {
		w.look()
	}
	var want []string
	for _, i := range []int{0, 120, 249} {
		w.moveCopy(files[i], "INBOX")
		want = append(want, fmt.Sprintf("letter%d ham", i))
	}
	w.look(want...)
}

// Until then it is told by its file.
func TestManyAtOnce(t *testing.T) {
	w := newWatched(t)
	var want []string
	var files []file
	for i := range 250 {
		files = append(files, w.put("Spam", fmt.Sprint("letter", i), age))
		want = append(want, fmt.Sprintf("letter%d ham", i))
	}
	w.look()
	for _, f := range files[:120] {
		w.link(f, "Spam")
		w.remove(f)
	}
	w.look()
	for i, f := range files {
		if i >= 120 {
			w.move(f, "INBOX")
		}
	}
	slices.Sort(want[120:])
	w.look(want[120:]...)
}

// The end of the context ends a look, and nothing is saved.
func TestContext(t *testing.T) {
	w := newWatched(t)
	w.put("Spam", "letter", age)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.watcher.Look(ctx, w.mail); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if report := w.look(); !report.First {
		t.Error("an aborted look was saved")
	}
}

// The lesson says how it came to be known.
func TestLesson(t *testing.T) {
	w := newWatched(t)
	f := w.put("Spam", "letter", age)
	w.look()
	begin := time.Now()
	w.move(f, "Work")
	report := w.look("letter ham")
	got := report.Lessons[0]
	if got.At.Before(begin) || got.At.After(time.Now()) {
		t.Errorf("the lesson is of %v", got.At)
	}
	got.At = time.Time{}
	want := learn.Lesson{User: "bert", Class: learn.Ham, Origin: learn.Watch, Cause: "COPY", From: "Spam", To: "Work"}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// What teaches nothing is told with the reason, up to a bound.
func TestLeftOut(t *testing.T) {
	w := newWatched(t)
	w.keywords("INBOX")
	w.keywords("Trash")
	f := w.put("INBOX", "letter", age)
	thrown := w.put("Trash", "thrown", age)
	known := w.put("Spam", "known", age)
	w.look()
	w.moveCopy(known, "Spam")
	w.put("Spam", "filed", 0)
	w.move(w.put("INBOX", "found", age, "X-Spam-Flag: YES\n"), "Spam")
	w.flag(w.put("INBOX", "given", ahead), "a")
	w.flag(thrown, "a")
	var got []string
	for _, left := range w.look().LeftOut {
		if left.Lesson.User != "bert" || left.Lesson.Origin != learn.Watch || left.Lesson.Class != learn.Spam || left.Hash == (learn.Hash{}) {
			t.Errorf("%+v", left)
		}
		got = append(got, fmt.Sprintf("%s %s: %s %v", left.Lesson.Cause, left.Lesson.To, left.Reason, left.Filed))
	}
	slices.Sort(got)
	want := []string{
		"COPY Spam: X-Spam-Flag calls it spam already true",
		"COPY Spam: it was delivered into the folder true",
		"COPY Spam: it was in a junk folder before false",
		"FLAG INBOX: it had the keyword when it came true",
		"FLAG Trash: Trash is the trash false",
	}
	if len(got) == len(want) {
		for i := range want {
			if i < 4 && got[i] != want[i] || i == 4 && !strings.HasPrefix(got[i], "FLAG Trash: ") {
				t.Errorf("left out is %q, want %q", got[i], want[i])
			}
		}
	} else {
		t.Errorf("left out are %q, want %q", got, want)
	}
	w.off = true
	for i := range 250 {
		w.move(w.put("INBOX", fmt.Sprint("many", i), age), "Spam")
	}
	w.move(f, "Spam")
	if r := w.look(); len(r.LeftOut) != 200 || r.More != 51 || !strings.Contains(r.LeftOut[0].Reason, "switched learning off") || r.LeftOut[0].Filed {
		t.Errorf("%d left out, and %d more", len(r.LeftOut), r.More)
	}
}

// A folder that cannot be read is told of and keeps no other from being looked at.
// When it can be read again, what changed meanwhile is found, and nothing else.
func TestUnreadableFolder(t *testing.T) {
	w := newWatched(t)
	now := time.Now().Add(-12 * time.Hour)
	w.watcher.Now = func() time.Time { return now }
	letter, rescued := w.put("INBOX", "letter", 20*time.Hour), w.put("Spam", "rescued", 20*time.Hour)
	w.put("Spam", "stays", 20*time.Hour)
	w.put("Work", "works", 20*time.Hour)
	w.makeBox("Own")
	w.keywords("Own")
	late, own := w.put("INBOX", "late", 20*time.Hour), w.put("Own", "own", 20*time.Hour)
	w.look()
	blind := func(want ...string) {
		t.Helper()
		now = now.Add(2 * time.Hour)
		w.queued = nil
		report, err := w.watcher.Look(t.Context(), w.mail)
		if err != nil || !slices.Equal(w.queued, want) || len(report.Warnings) != 1 {
			t.Errorf("%v, lessons %q, want %q, %+v", err, w.queued, want, report)
		}
	}
	mend := w.breakBox("Own")
	w.move(letter, "Spam")
	blind("letter spam")
	mend()
	mend = w.breakBox("Spam")
	w.move(late, "Spam")
	w.move(rescued, "Work")
	w.flag(own, "a")
	blind("own spam")
	w.makeBox("Other") // a change, so that the state is saved
	blind()
	mend()
	now = now.Add(2 * time.Hour)
	w.look("late spam", "rescued ham")
	w.look()
	// One that was never read is new when it can be: what is in it was there before.
	w.makeBox("Junk")
	w.put("Junk", "old", 20*time.Hour)
	mend = w.breakBox("Junk")
	blind()
	mend()
	w.look()
}

// The warnings of one look are bounded.
func TestManyWarnings(t *testing.T) {
	w := newWatched(t)
	w.look()
	for range 100 {
		w.check(os.Symlink("/etc/passwd", filepath.Join(w.root, "Spam/new", w.name(time.Now()))))
	}
	report, err := w.watcher.Look(t.Context(), w.mail)
	if n := len(report.Warnings); err != nil || n != 21 || !strings.Contains(report.Warnings[20].Error(), "180 more") {
		t.Errorf("%d warnings, %v: %v", n, err, report.Warnings)
	}
}

// What is too big is not read, whatever its name says: neither to be taught nor to be
// compared.
func TestTooBig(t *testing.T) {
	w := newWatched(t)
	w.watcher.Rules.MaxSize = 1000
	f := w.put("Spam", "huge", age)
	w.check(os.Truncate(f.path(w.root), 1<<40)) // sparse
	w.look()
	f = w.move(f, "INBOX")
	w.look()
	w.move(f, "Spam")
	report := w.look()
	if len(report.LeftOut) != 1 || !strings.Contains(report.LeftOut[0].Reason, "larger than max_size") {
		t.Errorf("left out %+v", report.LeftOut)
	}
}

// A clock that went back makes nobody wait until it is where it was.
func TestClockBack(t *testing.T) {
	w := newWatched(t)
	begin := time.Now().Add(-12 * time.Hour)
	at := func(d time.Duration) { w.watcher.Now = func() time.Time { return begin.Add(d) } }
	long := 20 * time.Hour
	first, second := w.put("INBOX", "first", long), w.put("INBOX", "second", long)
	at(9 * time.Hour)
	w.look()
	at(0)
	w.move(first, "Spam")
	w.look("first spam")
	for _, part := range []string{"new", "cur"} {
		w.check(os.Chtimes(filepath.Join(w.root, "Spam", part), begin, begin))
	}
	at(9 * time.Hour)
	w.look()
	at(2 * time.Hour)
	w.look()
	at(3 * time.Hour)
	w.move(second, "Spam")
	at(4 * time.Hour)
	w.look("second spam")
}
