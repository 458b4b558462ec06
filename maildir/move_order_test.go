package maildir_test

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"dovetail/internal/fsx"
	"dovetail/maildir"
)

// recorder is a file system that notes what is done to it, each with the last part of
// the directory and the kind of file.
type recorder struct {
	fsx.OS
	events []string
}

type recordedFile struct {
	fsx.File
	r *recorder
}

func (r *recorder) note(what, name string) {
	kind := path.Base(path.Dir(name))
	switch base := path.Base(name); {
	case strings.HasSuffix(base, ".lock"):
		kind = "lock of " + kind
	case base == "cur" || base == "new" || base == "tmp":
		kind = "directory " + kind + "/" + base
	case !strings.Contains(base, ".M"):
		return
	default:
		kind = "message in " + path.Base(path.Dir(path.Dir(name))) + "/" + kind
	}
	r.events = append(r.events, what+" "+kind)
}

func (r *recorder) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := r.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".lock") {
		r.note("make", name)
	}
	return &recordedFile{f, r}, nil
}

func (r *recorder) Rename(from, to string) error {
	err := r.OS.Rename(from, to)
	if err == nil {
		r.note("rename", to)
	}
	return err
}

func (r *recorder) Remove(name string) error {
	err := r.OS.Remove(name)
	if err == nil {
		r.note("remove", name)
	}
	return err
}

func (f *recordedFile) Sync() error {
	f.r.note("sync", f.Name())
	return f.File.Sync()
}

// A message counts as moved when its directories are flushed, all under the lock of the
// mailbox that it leaves; a copy is durable before what it is a copy of goes.
func TestMoveOrder(t *testing.T) {
	for kind, want := range map[string][]string{
		"rename": {
			"make lock of Maildir", "rename message in .Old/cur", "rename message in .Old/new",
			"sync directory .Old/cur", "sync directory .Old/new", "sync directory Maildir/cur", "sync directory Maildir/new",
			"done", "done", "remove lock of Maildir",
		},
		"copy": {
			"make lock of Maildir",
			"sync message in .Old/tmp", "rename message in .Old/new", "sync directory .Old/new", "remove message in Maildir/new",
			"sync message in .Old/tmp", "rename message in .Old/cur", "sync directory .Old/cur", "remove message in Maildir/cur",
			"sync directory .Old/cur", "sync directory .Old/new", "sync directory Maildir/cur", "sync directory Maildir/new",
			"done", "done", "remove lock of Maildir",
		},
	} {
		t.Run(kind, func(t *testing.T) {
			home := t.TempDir()
			clean := open(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home = home })
			put(t, clean, "INBOX", "a")
			put(t, clean, "INBOX", "b", `\Seen`)
			put(t, clean, "Old", "c")
			if kind == "copy" {
				otherMode(t, clean, "Old")
			}
			r := &recorder{}
			s := open(t, "maildir:~/Maildir", func(o *maildir.Options) { o.Home, o.FS = home, r })
			all := chosen(t, clean, "INBOX")
			err := s.Move(context.Background(), "INBOX", all, maildir.Target{Mailbox: "Old"}, func(int) { r.events = append(r.events, "done") })
			if err != nil {
				t.Fatal(err)
			}
			got := slices.Clone(r.events)
			for _, events := range [][]string{got, want} { // the order of directories, and of the two messages, is no matter
				sortRuns(events)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// sortRuns sorts what stands together and begins with the same word and mailbox.
func sortRuns(events []string) {
	key := func(e string) string { k, _, _ := strings.Cut(strings.TrimPrefix(e, "sync directory "), "/"); return k }
	for i := 0; i < len(events); {
		k := i + 1
		for k < len(events) && key(events[k]) == key(events[i]) && events[i][:4] == events[k][:4] {
			k++
		}
		slices.Sort(events[i:k])
		i = k
	}
}
