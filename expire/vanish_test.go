package expire_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dovetail/expire"
	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/maildir"
)

// vanishing removes a folder just before something is done in it.
type vanishing struct {
	fsx.OS
	folder string
	is     func(name string) bool
}

func (v *vanishing) vanish(name string) {
	if v.is != nil && v.is(filepath.Base(name)) {
		v.is = nil
		_ = os.RemoveAll(v.folder)
	}
}

func (v *vanishing) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	v.vanish(name)
	return v.OS.OpenFile(name, flag, perm)
}

func (v *vanishing) Lstat(name string) (fs.FileInfo, error) {
	v.vanish(name)
	return v.OS.Lstat(name)
}

func (v *vanishing) Stat(name string) (fs.FileInfo, error) {
	v.vanish(name)
	return v.OS.Stat(name)
}

func (v *vanishing) OpenDir(name string) (fsx.Dir, error) { return fsxtest.DirOf(v, name), nil }

// A folder that vanishes, whenever it does, is no fault, and does not come back.
func TestFolderVanishes(t *testing.T) {
	is := func(what string) func(string) bool { return func(name string) bool { return name == what } }
	for what, when := range map[string]func(string) bool{
		"it is listed":            is("none"),
		"it is looked for":        is(".Trash"),
		"its names are read":      is("cur"),
		"the uidlist is read":     is("dovecot-uidlist"),
		"the keywords are read":   is("dovecot-keywords"),
		"a message is looked at":  func(name string) bool { return isMessage(name) },
		"the lock is taken":       is("dovecot-uidlist.lock"),
		"the second one is there": is("maildirsize"), // maildirsize is asked for before anything is removed
	} {
		for _, query := range []string{"MAILBOX Trash NOT BODY x", "MAILBOX Trash SMALLER 1k", "MAILBOX Trash UID 1:*", "MAILBOX Trash SAVEDSINCE 1h"} {
			h := newHome(t)
			trash := h.inbox + "/.Trash"
			v := &vanishing{folder: trash}
			var err error
			h.store, err = maildir.Open(maildir.Options{Location: maildir.Location{Root: h.inbox}, Separator: "/", FS: v})
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"cur", "new", "tmp"} {
				if err := os.MkdirAll(filepath.Join(trash, part), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"1.M1P1.h:2,S", "2.M2P1.h:2,S"} {
				if err := os.WriteFile(filepath.Join(trash, "cur", name), []byte("A: b\n\nc\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			u := h.user(query)
			there, _, err := u.Mailboxes(t.Context())
			if err != nil || !slices.Contains(there, "Trash") {
				t.Fatalf("%q, %v", there, err)
			}
			if v.is = when; what == "it is listed" {
				v.folder = ""
				if err := os.RemoveAll(trash); err != nil {
					t.Fatal(err)
				}
			}
			gone := 0
			err = u.Expunge(t.Context(), "Trash", func(expire.Match) { gone++ })
			if err != nil || len(h.failed) > 0 || gone > 0 {
				t.Errorf("%s, %s: %d gone, %v, %q", what, query, gone, err, h.failed)
			}
			if _, err := os.Lstat(trash); !os.IsNotExist(err) {
				t.Errorf("%s, %s: it is there again, %v", what, query, err)
			}
		}
	}
}
