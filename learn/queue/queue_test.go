package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/learn"
	"dovetail/learn/queue"
)

const text = "From: a@example.net\nSubject: one\n\nfirst\n\nlast\n"

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func lesson(seconds int) learn.Lesson {
	return learn.Lesson{User: "user1", Class: learn.Spam, At: noon.Add(time.Duration(seconds) * time.Second), Origin: learn.Event,
		Cause: "COPY", From: "INBOX", To: "Spam"}
}

func open(t *testing.T, fsys fsx.FS) *queue.Queue {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool", "learn")
	if err := queue.Make(dir, queue.ModeShared); err != nil {
		t.Fatal(err)
	}
	q, err := queue.Open(dir, fsys)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func put(t *testing.T, q *queue.Queue, l learn.Lesson, message string) string {
	t.Helper()
	id, err := q.Put(context.Background(), l, strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func list(t *testing.T, q *queue.Queue) []queue.Entry {
	t.Helper()
	entries, err := q.List()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestPutListRemove(t *testing.T) {
	q := open(t, fsx.OS{})
	later := put(t, q, lesson(7), strings.ReplaceAll(text, "\n", "\r\n"))
	big := text + strings.Repeat("a line of a big message\n", 100_000) + "\r"
	first := put(t, q, lesson(-3600), big)
	if err := os.WriteFile(filepath.Join(q.Dir(), "README"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	entries := list(t, q)
	if len(entries) != 2 || entries[0].ID != first || entries[1].ID != later {
		t.Fatalf("in the queue: %+v", entries)
	}
	for i, want := range []struct {
		lesson learn.Lesson
		text   string
	}{{lesson(-3600), big}, {lesson(7), text}} {
		e := entries[i]
		if e.Err != nil || e.Lesson != want.lesson || e.Size != int64(len(want.text)) || e.Owner != uint32(os.Geteuid()) {
			t.Errorf("entry %d: %+v", i, e)
		}
		l, m, closer, err := q.Message(e.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(m.Open())
		if err != nil || string(got) != want.text || l != want.lesson {
			t.Errorf("message %d: %d bytes, %+v, %v", i, len(got), l, err)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(filepath.Join(q.Dir(), first))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := q.Remove(first, later, first); err != nil {
		t.Error(err)
	}
	if left := list(t, q); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if _, _, _, err := q.Message(first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a message that is gone: %v", err)
	}
}

func TestManyWriters(t *testing.T) {
	q := open(t, fsx.OS{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := q.Put(context.Background(), lesson(0), strings.NewReader(text)); err != nil {
					t.Error(err)
				}
				if _, err := q.List(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(list(t, q)); n != 160 {
		t.Errorf("%d lessons", n)
	}
}

// Whatever call fails: the lesson is whole in the queue, or Put has an error and
// nothing is left.
func TestFaults(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		for n := 1; ; n++ {
			if n > 100 {
				t.Fatal("no end")
			}
			faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n, Sticky: sticky}
			if !tryFault(t, faulty, fmt.Sprintf("call %d, sticky %v", n, sticky)) {
				break
			}
		}
	}
}

// tryFault tells whether the fault happened.
func tryFault(t *testing.T, faulty *fsxtest.Faulty, name string) bool {
	t.Helper()
	q := open(t, fsx.OS{})
	broken, err := queue.Open(q.Dir(), faulty)
	if err != nil {
		return true
	}
	big := text + strings.Repeat("a line of a big message\n", 10_000)
	id, err := broken.Put(context.Background(), lesson(0), strings.NewReader(big))
	entries := list(t, q)
	for _, e := range entries {
		_, m, closer, err := q.Message(e.ID)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := io.ReadAll(m.Open()); err != nil || string(got) != big {
			t.Errorf("%s: %d bytes of %d in the queue, %v", name, len(got), len(big), err)
		}
		closer.Close()
	}
	files, ferr := os.ReadDir(q.Dir())
	if ferr != nil {
		t.Fatal(ferr)
	}
	switch {
	case err == nil && (len(entries) != 1 || entries[0].ID != id || len(files) != 1):
		t.Errorf("%s: Put says %s, in the queue: %v", name, id, files)
	case err != nil && !errors.Is(err, syscall.ENOSPC):
		t.Errorf("%s: Put says %v", name, err)
	case err != nil && !faulty.Sticky && len(files) != 0:
		t.Errorf("%s: Put says %v, in the directory: %v", name, err, files)
	case err == nil && faulty.Calls() >= faulty.FailAt:
		t.Errorf("%s: Put hides a fault", name)
	}
	return err != nil
}

func TestPutRefuses(t *testing.T) {
	q := open(t, fsx.OS{})
	none, timeless, longGone := lesson(0), lesson(0), lesson(0)
	none.Class, timeless.At, longGone.At = learn.None, time.Time{}, time.Unix(-1, 0)
	huge, bell, long := lesson(0), lesson(0), lesson(0)
	huge.To = strings.Repeat("x", 70_000)
	bell.User, long.User = "user\a", strings.Repeat("x", 1025)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		lesson learn.Lesson
		r      io.Reader
	}{
		"no class":           {context.Background(), none, strings.NewReader(text)},
		"no time":            {context.Background(), timeless, strings.NewReader(text)},
		"control characters": {context.Background(), bell, strings.NewReader(text)},
		"a long name":        {context.Background(), long, strings.NewReader(text)},
		"before 1970":        {context.Background(), longGone, strings.NewReader(text)},
		"too much about it":  {context.Background(), huge, strings.NewReader(text)},
		"context at its end": {ended, lesson(0), strings.NewReader(text)},
		"reading fails":      {context.Background(), lesson(0), io.MultiReader(strings.NewReader(text), failing{})},
	} {
		if id, err := q.Put(c.ctx, c.lesson, c.r); err == nil {
			t.Errorf("%s: %s", name, id)
		}
		if files, err := os.ReadDir(q.Dir()); err != nil || len(files) != 0 {
			t.Errorf("%s: left %v, %v", name, files, err)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	loose := filepath.Join(dir, "loose")
	if err := os.Mkdir(loose, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{filepath.Join(dir, "missing"), file, loose} {
		if _, err := queue.Open(bad, fsx.OS{}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := queue.Make(filepath.Join(file, "learn"), queue.ModeOwn); err == nil {
		t.Error("a queue below a file")
	}
}

func TestIDsAreNoPaths(t *testing.T) {
	q := open(t, fsx.OS{})
	id := put(t, q, lesson(0), text)
	for _, bad := range []string{"", ".", "..", ".lock", "tmp." + id, "../learn/" + id, id + "/", id[:len(id)-1], id + "0", "x" + id[1:], "9" + id} {
		if _, _, _, err := q.Message(bad); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", bad, err)
		}
		if err := q.Remove(bad); err == nil {
			t.Errorf("%q was removed", bad)
		}
	}
	if len(list(t, q)) != 1 {
		t.Error("the lesson is gone")
	}
}

func TestClean(t *testing.T) {
	q := open(t, fsx.OS{})
	id := put(t, q, lesson(0), text)
	names := []string{"tmp." + id, "tmp.other", id[:len(id)-1] + "x"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(q.Dir(), name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	if n, err := q.Clean(now.Add(35 * time.Hour)); n != 0 || err != nil {
		t.Errorf("%d files, %v", n, err)
	}
	if n, err := q.Clean(now.Add(37 * time.Hour)); n != 1 || err != nil {
		t.Errorf("%d files, %v", n, err)
	}
	files, err := os.ReadDir(q.Dir())
	if err != nil || len(files) != 3 || slices.ContainsFunc(files, func(f fs.DirEntry) bool { return f.Name() == names[0] }) {
		t.Errorf("left %v, %v", files, err)
	}
}
