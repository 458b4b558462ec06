package archive_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"dovetail/internal/fsx"
)

// recorder is a file system that notes what is written, synced and renamed.
type recorder struct {
	fsx.OS
	root string

	mu     sync.Mutex // files are synced side by side
	events []string
}

type recordedFile struct {
	fsx.File
	r *recorder
}

var unique = regexp.MustCompile(`[0-9]+\.M[^/:]*`)

func (r *recorder) note(what, name string) {
	if strings.Contains(name, ".lock") {
		return
	}
	name, err := filepath.Rel(r.root, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.events = append(r.events, what+" "+unique.ReplaceAllString(name, "x"))
	}
}

func (r *recorder) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := r.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &recordedFile{f, r}, nil
}

func (r *recorder) Rename(from, to string) error {
	r.note("rename", to)
	return r.OS.Rename(from, to)
}

func (f *recordedFile) Write(p []byte) (int, error) {
	f.r.note("write", f.Name())
	return f.File.Write(p)
}

func (f *recordedFile) Sync() error {
	f.r.note("sync", f.Name())
	return f.File.Sync()
}

// When Flush returns all is on disk to stay, and the index knows before what it could
// have to mend. What is there already is flushed, too: a run that was killed may not
// have got so far.
func TestOrder(t *testing.T) {
	for place, want := range map[string][2][]string{
		"mbox:~/new/a": {
			{"sync .", "write new/.a.dovetail", "sync new", "write new/.a.dovetail", "sync new/.a.dovetail",
				"write new/a", "sync new/a", "write new/.a.dovetail"},
			{"sync new/a"},
		},
		"maildir:~/new": {
			{"write new/tmp/x", "sync new/tmp/x", "rename new/cur/x:2,S", "sync .", "sync new", "sync new/cur"},
			{"write new/tmp/x", "sync new/tmp/x", "sync new/cur"},
		},
	} {
		h := newHome(t)
		h.put("INBOX", text("one"), received, `\Seen`)
		for round, want := range want {
			r := &recorder{root: h.dir}
			if err := h.try(place, "INBOX", r); err != nil {
				t.Fatal(err)
			}
			got := r.events
			if strings.HasPrefix(place, "maildir") { // directories in any order
				slices.Sort(got[min(3, len(got)):])
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, round %d:\n%s\nwant\n%s", place, round, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}
