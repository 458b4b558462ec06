package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore/storetest"
)

// allocated gives the bytes that a function allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What is large in a home, and costs its owner nothing, costs no memory.
func TestLarge(t *testing.T) {
	const huge = 128 << 20 // of zeros, that take no room on disk
	t.Run("index", func(t *testing.T) {
		h := newHome(t)
		h.put("INBOX", text("one"), received)
		index := filepath.Join(h.dir, ".old.dovetail")
		if err := errors.Join(os.WriteFile(index, nil, 0o600), os.Truncate(index, huge)); err != nil {
			t.Fatal(err)
		}
		if n := allocated(func() { h.archive("mbox:~/old", "INBOX") }); n > huge/2 {
			t.Errorf("%d bytes of memory", n)
		}
		h.archive("mbox:~/old", "INBOX")
		h.want("old", line("one"))
	})
	t.Run("message", func(t *testing.T) {
		h := newHome(t)
		h.put("INBOX", text("one"), received)
		h.put("INBOX", text("two"), received)
		file := h.matches("INBOX")[0].Path()
		if err := os.Truncate(file, huge); err != nil {
			t.Fatal(err)
		}
		if n := allocated(func() { h.archive("mbox:~/old", "INBOX") }); n > huge*3/2 {
			t.Errorf("%d bytes of memory", n)
		}
		info, err := os.Stat(filepath.Join(h.dir, "old"))
		if err != nil || info.Size() < huge {
			t.Fatal(info, err)
		}
		h.archive("mbox:~/old", "INBOX")
		if again, err := os.Stat(filepath.Join(h.dir, "old")); err != nil || again.Size() != info.Size() {
			t.Errorf("archived twice: %d bytes, then %v, %v", info.Size(), again, err)
		}
	})
}

// What is in the archive in a message's place and is none is not waited for.
func TestMaildirStrangeFiles(t *testing.T) {
	for name, make := range map[string]func(file string) error{
		"pipe": func(file string) error { return unix.Mkfifo(file, 0o600) },
		"link": func(file string) error { return os.Symlink("/dev/zero", file) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.put("INBOX", text("one"), received)
			h.archive("maildir:~/Old", "INBOX")
			file := storetest.Entries(t, h.in("maildir:~/Old"), "INBOX")[0].Path
			if err := errors.Join(os.Remove(file), make(file)); err != nil {
				t.Fatal(err)
			}
			h.archive("maildir:~/Old", "INBOX")
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			wantLines(t, h.in("maildir:~/Old"), "INBOX", line("one"))
		})
	}
}

// Users of one run share a file.
func TestMboxShared(t *testing.T) {
	shared := filepath.Join(t.TempDir(), "all")
	const users, messages = 8, 20
	var group sync.WaitGroup
	for u := range users {
		h := newHome(t)
		for i := range messages {
			h.put("INBOX", text(fmt.Sprintf("%d-%d", u, i)), received)
		}
		all := h.matches("INBOX")
		group.Go(func() {
			for _, m := range all {
				a := h.open("mbox:"+shared, fsx.OS{})
				err := a.Add(context.Background(), &m, opener(m))
				if err = errors.Join(err, a.Flush(context.Background()), a.Close()); err != nil {
					t.Errorf("user %d: %v", u, err)
				}
			}
		})
	}
	group.Wait()
	content, err := os.ReadFile(shared)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), "\nSubject: "); n != users*messages {
		t.Errorf("%d messages", n)
	}
	left, err := os.ReadDir(filepath.Dir(shared))
	if err != nil || len(left) != 2 {
		t.Errorf("left %v, %v", left, err)
	}
}

// stopping stops a context when it is read, and goes on for long.
type stopping struct {
	stop  context.CancelFunc
	reads int
}

func (s *stopping) Close() error { return nil }

func (s *stopping) Read(p []byte) (int, error) {
	s.stop()
	if s.reads++; s.reads > 100 {
		return 0, io.EOF
	}
	return len(p), nil
}

// What takes long to read is not read any more when the time is over.
func TestStopped(t *testing.T) {
	for _, place := range []string{"mbox:~/old", "maildir:~/old"} {
		h := newHome(t)
		h.put("INBOX", text("one"), received)
		m := h.matches("INBOX")[0]
		ctx, cancel := context.WithCancel(t.Context())
		a := h.open(place, fsx.OS{})
		err := a.Add(ctx, &m, func() (io.ReadCloser, error) { return &stopping{stop: cancel}, nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a message: %v", place, err)
		}
		h.archive(place, "INBOX")
		if err := a.Add(t.Context(), &m, opener(m)); err != nil {
			t.Error(err)
		}
		if err := a.Flush(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: what is there: %v", place, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
