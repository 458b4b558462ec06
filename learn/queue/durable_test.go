package queue_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"dovetail/internal/fsx"
)

// logged notes the calls that make a file durable.
type logged struct {
	fsx.OS
	calls *[]string
}

func (l logged) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := l.OS.OpenFile(name, flag, perm)
	return loggedFile{f, l.calls}, err
}

func (l logged) Rename(oldname, newname string) error {
	*l.calls = append(*l.calls, "rename "+filepath.Base(oldname)+" "+filepath.Base(newname))
	return l.OS.Rename(oldname, newname)
}

func (l logged) Remove(name string) error {
	*l.calls = append(*l.calls, "remove "+filepath.Base(name))
	return l.OS.Remove(name)
}

type loggedFile struct {
	fsx.File
	calls *[]string
}

func (f loggedFile) Sync() error {
	*f.calls = append(*f.calls, "sync "+filepath.Base(f.Name()))
	return f.File.Sync()
}

// The data is on disk before the name is, and the name before Put returns.
func TestDurable(t *testing.T) {
	var calls []string
	q := open(t, logged{calls: &calls})
	dir := filepath.Base(q.Dir())
	id := put(t, q, lesson(0), text)
	want := []string{"sync tmp." + id, "rename tmp." + id + " " + id, "sync " + dir}
	if !slices.Equal(calls, want) {
		t.Errorf("Put: %q, wanted %q", calls, want)
	}
	calls = nil
	if err := q.Remove(id); err != nil {
		t.Fatal(err)
	}
	if want := []string{"remove " + id, "sync " + dir}; !slices.Equal(calls, want) {
		t.Errorf("Remove: %q, wanted %q", calls, want)
	}
}
