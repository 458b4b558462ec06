package queue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/peer"
	"dovetail/learn/queue"
)

// What users put into a directory of mode 1777 is read without following links,
// without waiting, and without handing out other users' files.
func TestHostileFiles(t *testing.T) {
	q := open(t, fsx.OS{})
	at := func(id string) string { return filepath.Join(q.Dir(), id) }
	const base = "20261121T120000.000000000-000000000000000"
	victim := put(t, q, lesson(0), text)
	content, err := os.ReadFile(at(victim))
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Rename(at(victim), secret))
	must(os.WriteFile(secret+"2", content, 0o600))
	must(os.Symlink(secret+"2", at(base+"1")))
	must(os.Link(secret, at(base+"2")))
	must(syscall.Mkfifo(at(base+"3"), 0o600))
	must(os.Mkdir(at(base+"4"), 0o700))
	for i, damage := range []string{
		"", "no line", string(content[:20]), "{}\n" + text, "[1]\n" + text, "null\n",
		strings.Replace(string(content), `"spam"`, `"none"`, 1),
		strings.Repeat(" ", 70_000) + string(content),
		strings.Replace(string(content), "user1", `\u001b[2J`, 1),
	} {
		must(os.WriteFile(at(base+string("56789abcd"[i])), []byte(damage), 0o600))
	}
	must(os.WriteFile(at(base+"e"), []byte(strings.Replace(string(content), `"version":1`, `"version":2`, 1)), 0o600))
	good := put(t, q, lesson(1), text)

	entries := list(t, q)
	if len(entries) != 15 || entries[14].ID != good || entries[14].Err != nil {
		t.Fatalf("%d entries: %+v", len(entries), entries)
	}
	for _, e := range entries[:14] {
		newer := e.ID == base+"e" // of which a newer program makes sense
		if e.Err == nil || errors.Is(e.Err, queue.ErrDamaged) == newer {
			t.Errorf("%s: %v", e.ID, e.Err)
		}
		if e.Owner != uint32(os.Geteuid()) {
			t.Errorf("%s: owner %d", e.ID, e.Owner)
		}
		if _, _, _, err := q.Message(e.ID); err == nil {
			t.Errorf("%s was read", e.ID)
		}
		if err := q.Remove(e.ID); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(secret); err != nil {
		t.Error(err)
	}
}

// What cannot be removed is told, up to a bound.
func TestManyErrors(t *testing.T) {
	q := open(t, fsx.OS{})
	for i := range 100 {
		id := fmt.Sprintf("20261121T120000.000000000-%016x", i)
		if err := os.MkdirAll(filepath.Join(q.Dir(), "tmp."+id, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	n, err := q.Clean(time.Now().Add(37 * time.Hour))
	if n != 0 || err == nil || strings.Count(err.Error(), "\n") != 10 || !strings.Contains(err.Error(), "and 90 more") {
		t.Errorf("%d, %v", n, err)
	}
}

// A message that is too big is not read, however it came to be so.
func TestTooBig(t *testing.T) {
	q := open(t, fsx.OS{})
	id := put(t, q, lesson(0), text)
	q.MaxSize = int64(len(text))
	_, _, closer, err := q.Message(id)
	if err != nil {
		t.Fatal(err)
	}
	closer.Close()
	if err := os.Truncate(filepath.Join(q.Dir(), id), 1<<40); err != nil { // sparse
		t.Fatal(err)
	}
	if e := list(t, q)[0]; !errors.Is(e.Err, queue.ErrTooBig) || e.Lesson.User != "user1" {
		t.Errorf("%+v", e)
	}
	if _, _, _, err := q.Message(id); !errors.Is(err, queue.ErrTooBig) {
		t.Error(err)
	}
}

// as runs f with the rights of another user, of whom the queue's directory is reached.
func as(t *testing.T, uid uint32, q *queue.Queue, f func() error) error {
	t.Helper()
	for dir := q.Dir(); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if dir != q.Dir() {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return fsx.Credentials{UID: uid, GID: uid}.Do(f)
}

func TestManyUsers(t *testing.T) {
	peer.Need(t, peer.Root)
	q := open(t, fsx.OS{})
	var id string
	err := as(t, 12345, q, func() (err error) {
		id, err = q.Put(context.Background(), lesson(0), strings.NewReader(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	own := put(t, q, lesson(1), text)
	entries := list(t, q)
	if len(entries) != 2 || entries[0].ID != id || entries[0].Owner != 12345 || entries[1].Owner != 0 {
		t.Fatalf("%+v", entries)
	}
	err = as(t, 12346, q, func() error {
		for _, entry := range list(t, q) {
			if entry.Err == nil || errors.Is(entry.Err, queue.ErrDamaged) {
				t.Errorf("another user reads %+v", entry)
			}
		}
		if err := q.Remove(id, own); err == nil {
			t.Error("another user removes lessons")
		}
		return nil
	})
	if err != nil || len(list(t, q)) != 2 {
		t.Error("the lessons are gone", err)
	}
}

// What root puts into a queue of another uid can be read by that uid.
func TestRootWritesForTheOwner(t *testing.T) {
	peer.Need(t, peer.Root)
	q := open(t, fsx.OS{})
	if err := os.Chown(q.Dir(), 12345, 12346); err != nil {
		t.Fatal(err)
	}
	put(t, q, lesson(0), text)
	err := as(t, 12345, q, func() error {
		if entries := list(t, q); len(entries) != 1 || entries[0].Err != nil || entries[0].Owner != 12345 {
			t.Errorf("%+v", entries)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	q := open(t, fsx.OS{})
	release, err := q.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Lock(); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	release()
	release, err = q.Lock()
	if err != nil {
		t.Fatalf("the lock stays: %v", err)
	}
	release()
	if len(list(t, q)) != 0 {
		t.Error("the lock is a lesson")
	}
}

// A user cannot hold the lock, nor put a file in its place.
func TestHostileLock(t *testing.T) {
	peer.Need(t, peer.Root)
	q := open(t, fsx.OS{})
	release, err := q.Lock()
	if err != nil {
		t.Fatal(err)
	}
	release()
	lock := filepath.Join(q.Dir(), ".lock")
	err = as(t, 12345, q, func() error { f, err := os.Open(lock); f.Close(); return err })
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("a user opens the lock: %v", err)
	}
	for name, mode := range map[string]os.FileMode{"of the user": 0o600, "open to all": 0o644} {
		if err := os.Remove(lock); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(lock, nil, mode); err != nil {
			t.Fatal(err)
		}
		if mode == 0o600 {
			if err := os.Chown(lock, 12345, 12345); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := q.Lock(); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("lock %s: %v", name, err)
		}
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", lock); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Lock(); err == nil {
		t.Error("a link was locked")
	}
}

// Who cannot put a lesson is told what is wrong with the directory.
func TestMend(t *testing.T) {
	peer.Need(t, peer.Root)
	q := open(t, fsx.OS{})
	if err := os.Chmod(q.Dir(), 0o750); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(q.Dir(), "..", "missing")
	err := as(t, 12345, q, func() error {
		_, err := q.Put(context.Background(), lesson(0), strings.NewReader(text))
		for _, want := range []string{q.Dir(), "belongs to uid 0 and gid 0", "mode 0750", "uid 12345", "chmod 1777"} {
			if s := queue.Mend(q.Dir(), err); !strings.Contains(s, want) {
				t.Errorf("%v: %q has no %q", err, s, want)
			}
		}
		_, err = queue.Open(missing, fsx.OS{})
		if s := queue.Mend(missing, err); !strings.Contains(s, missing+" does not exist") {
			t.Errorf("%v: %q", err, s)
		}
		below := q.Dir() + "/below"
		_, err = queue.Open(below, fsx.OS{})
		if s := queue.Mend(below, err); !strings.Contains(s, "must let that uid pass") {
			t.Errorf("%v: %q", err, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for err, want := range map[error]string{syscall.ENOSPC: "full", syscall.EDQUOT: "full", syscall.EROFS: "read-only", errors.New("x"): "mode 0750"} {
		if s := queue.Mend(q.Dir(), err); !strings.Contains(s, want) {
			t.Errorf("%v: %q has no %q", err, s, want)
		}
	}
	if err := os.Chmod(q.Dir(), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if s := queue.Mend(q.Dir(), syscall.ENOSPC); !strings.Contains(s, "mode 1777") {
		t.Errorf("%q", s)
	}
}
