package maildir

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/mailstore"
)

// scanned gives the messages of a mailbox as "seq uid name given".
func scanned(t *testing.T, s *Store, mailbox string) []string {
	t.Helper()
	scan, err := s.Scan(t.Context(), mailbox)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for f := range scan.Messages() {
		all = append(all, fmt.Sprintf("%d %d %s %v", f.Seq, f.UID, filepath.Base(f.Path()), f.Given))
	}
	if len(all) != scan.Len() {
		t.Errorf("%d messages, Len is %d", len(all), scan.Len())
	}
	return all
}

// Messages come in the order of their UIDs; those without one get the next, in the order
// in which they arrived. One under two names is there once.
func TestScanOrder(t *testing.T) {
	s, home := inHome(t, nil)
	root := home + "/Maildir"
	mustMakeDirs(t, root, "cur", "new", "tmp")
	for _, name := range []string{"cur/9.M1P1.h:2,S", "cur/8.M1P1.h:2,", "new/30.M2P1.h", "new/30.M10P1.h", "cur/5.M1P1.h:2,", "new/5.M1P1.h", "cur/7.M1P1.h:2,F", "cur/7.M1P1.h:2,FS"} {
		mustWrite(t, root+"/"+name, "A: b\n\nc\n")
	}
	mustWrite(t, root+"/dovecot-uidlist", "3 V1 N12 Gabc\n3 :9.M1P1.h\n4 :gone\n7 W9 :8.M1P1.h\n9 Gid :7.M1P1.h\n")
	want := []string{"1 3 9.M1P1.h:2,S true", "2 7 8.M1P1.h:2, true", "3 9 7.M1P1.h:2,FS true", "4 12 5.M1P1.h:2, false", "5 13 30.M2P1.h false", "6 14 30.M10P1.h false"}
	if got := scanned(t, s, "INBOX"); !slices.Equal(got, want) {
		t.Errorf("%q\nwanted %q", got, want)
	}
	scan, err := s.Scan(t.Context(), "inbox")
	if err != nil || scan.ID != "abc" || scan.Mailbox != "INBOX" {
		t.Fatalf("%+v, %v", scan, err)
	}
	for f := range scan.Messages() {
		size, known := f.VSize()
		if (f.Seq == 2) != known || known && size != 9 || (f.GUID() == "id") != (f.Seq == 3) || f.Recent != (f.Seq > 3) {
			t.Errorf("%s: size %d, %v, id %s, recent %v", f.Path(), size, known, f.GUID(), f.Recent)
		}
	}
	if _, err := s.Scan(t.Context(), "None"); !errors.Is(err, mailstore.ErrNoMailbox) {
		t.Errorf("no mailbox: %v", err)
	}
}

// A message that was renamed since is looked at under its new name.
func TestScanRenamed(t *testing.T) {
	s, home := inHome(t, nil)
	root := home + "/Maildir"
	mustMakeDirs(t, root, "cur", "new", "tmp")
	mustWrite(t, root+"/new/1.M1P1.h", "A: b\n\nc\n")
	mustWrite(t, root+"/new/2.M1P1.h", "A: b\n\nc\n")
	scan, err := s.Scan(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root+"/new/1.M1P1.h", root+"/cur/1.M1P1.h:2,S"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(root + "/new/2.M1P1.h"); err != nil {
		t.Fatal(err)
	}
	for f := range scan.Messages() {
		st, err := f.Stat()
		if f.Seq == 1 && (err != nil || !f.Has('S') || st.Size != 8 || time.Since(st.Saved) > time.Hour || f.Recent && f.Given) {
			t.Errorf("%+v, %v, %s", st, err, f.Path())
		}
		if f.Seq == 2 && !errors.Is(err, mailstore.ErrNoMessage) {
			t.Errorf("a message that is gone: %v", err)
		}
	}
}

// A directory with the name of a message hides no message, whichever of them is where;
// and a name that no uidlist can have is none.
func TestScanDirectories(t *testing.T) {
	s, home := inHome(t, nil)
	root := home + "/Maildir"
	mustMakeDirs(t, root, "cur", "new", "tmp")
	for i, name := range []string{"cur/1.M1P1.h:2,S", "new/2.M1P1.h", "cur/3.M1P1.h:2,S", "cur/4.M1P1.h:2,", "cur/5.M1P1.h:2,S", "cur/6.M\n1P1.h:2,S", "new/7.M1\rP1.h"} {
		mustWrite(t, root+"/"+name, "A: b\n\nc\n")
		directory := []string{"new/1.M1P1.h/x", "cur/2.M1P1.h:2,S/x", "cur/3.M1P1.h:2,ST", "cur/4.M1P1.h", "new/5.M1P1.h"}
		if i < len(directory) {
			mustMakeDirs(t, root, directory[i])
		}
	}
	mustWrite(t, root+"/dovecot-uidlist", "3 V1 N9 Gabc\n1 :1.M1P1.h\n2 :2.M1P1.h\n3 :3.M1P1.h\n4 :4.M1P1.h\n5 :5.M1P1.h\n")
	want := []string{"1 1 1.M1P1.h:2,S true", "2 2 2.M1P1.h true", "3 3 3.M1P1.h:2,S true", "4 4 4.M1P1.h:2, true", "5 5 5.M1P1.h:2,S true"}
	if got := scanned(t, s, "INBOX"); !slices.Equal(got, want) {
		t.Errorf("%q\nwanted %q", got, want)
	}
	var found []uint32
	for _, e := range entries(t, s, "INBOX") {
		found = append(found, e.UID)
	}
	if slices.Sort(found); !slices.Equal(found, []uint32{1, 2, 3, 4, 5}) {
		t.Errorf("entries with the UIDs %d", found)
	}
}

// Who died in the middle of a removal may have left maildirsize wrong; and a directory
// in the place of a message keeps none from being removed.
func TestRemoveAfterDeath(t *testing.T) {
	q, err := ParseQuota([]string{"*:storage=1M"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	s, home := inHome(t, func(o *Options) { o.Quota, o.Warn = q, func(err error) { warnings = append(warnings, err.Error()) } })
	root := home + "/Maildir"
	mustMakeDirs(t, root, "cur/1.M1P1.h:2,S/x", "new", "tmp")
	mustWrite(t, root+"/cur/2.M1P1.h:2,S", "A: b\n\nc\n")
	mustWrite(t, root+"/maildirsize", "1048576S\n100 10\n")
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, root+"/dovecot-uidlist.lock", fmt.Sprintf("%d:%s", dead.ProcessState.Pid(), host))
	var done []int
	err = s.Remove(t.Context(), "INBOX", []Removal{{Path: root + "/cur/1.M1P1.h:2,S"}, {Path: root + "/cur/2.M1P1.h:2,S", Size: 8}}, func(i int) { done = append(done, i) })
	if err != nil || !slices.Equal(done, []int{1}) || len(warnings) != 1 || !strings.Contains(warnings[0], "1.M1P1.h:2,S") {
		t.Errorf("removed %v, %v, %q", done, err, warnings)
	}
	if text, err := os.ReadFile(root + "/maildirsize"); !os.IsNotExist(err) {
		t.Errorf("maildirsize is still there: %q, %v", text, err)
	}
}

// What has another name by now stays, and so does what does not pass its check.
func TestRemove(t *testing.T) {
	q, err := ParseQuota([]string{"*:storage=1M"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, quota := range []*Quota{q, nil} {
		s, home := inHome(t, func(o *Options) { o.Quota = quota })
		root := home + "/Maildir"
		mustMakeDirs(t, root, "cur", "new", "tmp")
		mustWrite(t, root+"/maildirsize", "1048576S\n100 10\n")
		var all []Removal
		for i := range 6 {
			path := fmt.Sprintf("%s/cur/%d.M1P1.h,S=8:2,S", root, i)
			mustWrite(t, path, "A: b\n\nc\n")
			all = append(all, Removal{Path: path, Size: 8})
		}
		all[4].Check = func() (bool, error) { return false, nil }
		if err := os.Rename(all[1].Path, all[1].Path+"F"); err != nil {
			t.Fatal(err)
		}
		var done []int
		if err := s.Remove(t.Context(), "INBOX", all, func(i int) { done = append(done, i) }); err != nil {
			t.Fatal(err)
		}
		if want := []int{0, 2, 3, 5}; !slices.Equal(done, want) {
			t.Errorf("removed %v, wanted %v", done, want)
		}
		left, err := filepath.Glob(root + "/cur/*")
		if err != nil || len(left) != 2 {
			t.Errorf("left: %v, %v", left, err)
		}
		if _, err := os.Stat(root + "/dovecot-uidlist.lock"); !os.IsNotExist(err) {
			t.Errorf("the lock is left: %v", err)
		}
		text, err := os.ReadFile(root + "/maildirsize")
		if quota != nil && string(text) != "1048576S\n100 10\n-32 -4\n" || quota == nil && !os.IsNotExist(err) {
			t.Errorf("maildirsize: %q, %v", text, err)
		}
		outside := []Removal{{Path: home + "/other"}}
		if err := s.Remove(t.Context(), "INBOX", outside, func(int) {}); err == nil {
			t.Error("what is no message was removed")
		}
	}
}

// Who counts the mail anew meanwhile may have left out what was just removed, also where
// the new file has got the inode of the old one.
func TestRemoveBesideCount(t *testing.T) {
	q, err := ParseQuota([]string{"*:storage=1M"}, "")
	if err != nil {
		t.Fatal(err)
	}
	s, home := inHome(t, func(o *Options) { o.Quota = q })
	path, file := put(t, s, "INBOX"), home+"/Maildir/maildirsize"
	counted := func() (bool, error) {
		if err := os.Remove(file); err != nil {
			return false, err
		}
		mustWrite(t, file, "1048576S\n0 0\n")
		return true, nil
	}
	if err := s.Remove(t.Context(), "INBOX", []Removal{{Path: path, Size: 11, Check: counted}}, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); !os.IsNotExist(err) {
		t.Errorf("maildirsize is still there: %q, %v", text, err)
	}
}
