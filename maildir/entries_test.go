package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gomaildir "github.com/emersion/go-maildir"

	"dovetail/internal/fsx"
	"dovetail/internal/mailstore"
)

func entries(t *testing.T, s *Store, mailbox string) []mailstore.Entry {
	t.Helper()
	var all []mailstore.Entry
	for e, err := range s.Entries(context.Background(), mailbox) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b mailstore.Entry) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// What Dovecot leaves: flags in new, records in the uidlist, names without sizes.
func TestEntriesOfDovecot(t *testing.T) {
	s, home := inHome(t, nil)
	root := home + "/Maildir"
	mustMakeDirs(t, root, "new", "cur", "tmp", "cur/directory")
	mustWrite(t, root+"/dovecot-keywords", "0 Junk\n1 $Label1\n")
	mustWrite(t, root+"/dovecot-uidlist", "3 V1 N9 Gabc\n4 :new1,S=5,W=6\n7 W9 S5 G0123 Pold :plain\n8 :gone,S=1\n")
	mustWrite(t, root+"/new/new1,S=5,W=6:2,S", "12345")
	mustWrite(t, root+"/cur/plain:2,FSabc", "12345")
	mustWrite(t, root+"/cur/.hidden", "")
	mustWrite(t, root+"/cur/noflags", "12345678")
	when := time.Unix(1600000000, 0)
	if err := os.Chtimes(root+"/cur/noflags", when, when); err != nil {
		t.Fatal(err)
	}
	got := entries(t, s, "inbox")
	want := []mailstore.Entry{
		{GUID: "noflags", Path: root + "/cur/noflags", Size: 8, Received: when},
		{UID: 7, GUID: "0123", Path: root + "/cur/plain:2,FSabc", Size: 5, VSize: 9, Flags: []string{`\Flagged`, `\Seen`, "Junk", "$Label1", "unknown-2"}},
		{UID: 4, GUID: "new1,S=5,W=6", Path: root + "/new/new1,S=5,W=6:2,S", Size: 5, VSize: 6, Flags: []string{`\Seen`}},
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	for i, w := range want {
		w.Mailbox = mailstore.Inbox
		if w.Received.IsZero() {
			w.Received = got[i].Received
		}
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", w) {
			t.Errorf("entry %d:\n got %+v\nwant %+v", i, got[i], w)
		}
	}
}

// renaming renames every file when it is looked at, once, and removes one.
type renaming struct {
	fsx.OS
	seen map[string]bool
	gone string
}

func (r *renaming) Lstat(name string) (fs.FileInfo, error) {
	base, _, _ := strings.Cut(filepath.Base(name), ":")
	if !r.seen[base] && strings.Contains(name, "M") {
		r.seen[base] = true
		to := filepath.Join(filepath.Dir(filepath.Dir(name)), "cur", base+":2,S")
		if base == r.gone {
			if err := os.Remove(name); err != nil {
				return nil, err
			}
		} else if err := os.Rename(name, to); err != nil {
			return nil, err
		}
	}
	return r.OS.Lstat(name)
}

func TestEntriesWhileFilesMove(t *testing.T) {
	r := &renaming{seen: map[string]bool{}}
	s, _ := inHome(t, func(o *Options) { o.FS = r })
	for range 5 {
		r.gone = filepath.Base(put(t, s, "INBOX"))
	}
	got := entries(t, s, "INBOX")
	if len(got) != 4 {
		t.Errorf("%d entries, want the 4 that moved", len(got))
	}
	for _, e := range got {
		if !slices.Equal(e.Flags, []string{`\Seen`}) || !strings.Contains(e.Path, "/cur/") {
			t.Errorf("entry %+v", e)
		}
	}
}

func TestEntriesStop(t *testing.T) {
	s, _ := inHome(t, nil)
	put(t, s, "INBOX")
	put(t, s, "INBOX", `\Seen`)
	n := 0
	for range s.Entries(context.Background(), "INBOX") {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d entries after break", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range s.Entries(ctx, "INBOX") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("entry, %v", err)
		}
	}
}

// A second reader: go-maildir sees the same messages and flags.
func TestGoMaildirReads(t *testing.T) {
	s, home := inHome(t, nil)
	seen := filepath.Base(put(t, s, "INBOX", `\Seen`, `\Flagged`))
	fresh := filepath.Base(put(t, s, "INBOX"))
	dir := gomaildir.Dir(home + "/Maildir")
	unseen, err := dir.Unseen()
	if err != nil || len(unseen) != 1 || unseen[0].Key() != fresh {
		t.Errorf("new: %v, %v", unseen, err)
	}
	all, err := dir.Messages()
	if err != nil || len(all) != 2 {
		t.Fatalf("cur: %v, %v", all, err)
	}
	m, err := dir.MessageByKey(strings.Split(seen, ":")[0])
	if err != nil || !slices.Equal(m.Flags(), []gomaildir.Flag{gomaildir.FlagFlagged, gomaildir.FlagSeen}) {
		t.Errorf("flags: %v, %v", m, err)
	}
}

// What is moved from new to cur while these are read is in both lists, and given once.
func TestEntriesMoved(t *testing.T) {
	s, home := inHome(t, nil)
	put(t, s, "INBOX")
	put(t, s, "INBOX")
	names, err := os.ReadDir(home + "/Maildir/new")
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	base := names[0].Name()
	if err := os.Link(home+"/Maildir/new/"+base, home+"/Maildir/cur/"+base+":2,S"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for e, err := range s.Entries(t.Context(), "INBOX") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, filepath.Base(e.Path))
	}
	if want := []string{base, names[1].Name()}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// While a mailbox is read its names are kept, and little more.
func TestEntriesMemory(t *testing.T) {
	const messages, bound = 10000, 130 // bytes for each
	s, home := inHome(t, nil)
	first := put(t, s, "INBOX", `\Seen`)
	var list strings.Builder
	fmt.Fprintf(&list, "3 V5 N%d\n", messages+1)
	for i := range messages {
		base := fmt.Sprintf("17000%05d.M123456P12345.mail.example.org,S=1234,W=1250", i)
		if err := os.Link(first, fmt.Sprintf("%s/Maildir/cur/%s:2,S", home, base)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%d :%s\n", i+1, base)
	}
	mustWrite(t, home+"/Maildir/dovecot-uidlist", list.String())
	list.Reset()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, n, uids := heap(), 0, 0
	for e, err := range s.Entries(t.Context(), "INBOX") {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			if now := heap(); now > before+messages*bound {
				t.Errorf("%d bytes a message", (now-before)/messages)
			}
		}
		if n++; e.UID != 0 {
			uids++
		}
	}
	if n != messages+1 || uids != messages {
		t.Errorf("%d messages, %d with a UID", n, uids)
	}
}

func TestParseUIDList(t *testing.T) {
	tests := []struct {
		name, text string
		uids       map[string]uint32
		next       uint32
		bad        []int
	}{
		{"version 3", "3 V5 N4 G0a P%08Xu%08Xv other\n1 :a,S=3:2,S\n3 S3 W4 :b\n", map[string]uint32{"a,S=3": 1, "b": 3}, 4, nil},
		{"version 1", "1 5 3\n1 a:2,S\n2 b\n", map[string]uint32{"a": 1, "b": 2}, 3, nil},
		{"appended", "3 V5 N2\n1 :a\n2 :b\n", map[string]uint32{"a": 1, "b": 2}, 3, nil},
		{"being written", "3 V5 N2\n1 :a\n2 :b", map[string]uint32{"a": 1}, 2, nil},
		{"bad lines", "3 V5 N9\n2 :a\n1 :b\nx\n3\n4 S1\n5 :\n6 :a\n0 :c\n7 :../x\n", map[string]uint32{"a": 6, "b": 1}, 9, []int{3, 4, 5, 6, 7, 9, 10}},
		{"a long line", "3 V5 N2\n1 :" + strings.Repeat("x", 2*uidsAtOnce) + "\n2 :b\n", map[string]uint32{"b": 2}, 3, []int{2}},
		{"a long line being written", "3 V5 N2\n2 :b\n1 :" + strings.Repeat("x", 2*uidsAtOnce), map[string]uint32{"b": 2}, 3, nil},
		{"a long head", "3 V5 N2 P" + strings.Repeat("x", 2*uidsAtOnce) + "\n2 :b\n", nil, 0, []int{1}},
		{"empty", "", nil, 0, []int{1}},
		{"version 9", "9 V1 N1\n", nil, 0, []int{1}},
		{"no validity", "3 N1\n", nil, 0, []int{1}},
		{"bad number", "3 Vx N1\n", nil, 0, []int{1}},
		{"short version 1", "1 5\n", nil, 0, []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var bad []int
			uids := map[string]uint32{}
			l, err := parseUIDList(strings.NewReader(tt.text),
				func(_ int, base string, r uidRecord) { uids[base] = r.uid },
				func(line int, _ string) { bad = append(bad, line) })
			if err != nil || !slices.Equal(bad, tt.bad) || l.nextUID != tt.next || !maps.Equal(uids, tt.uids) {
				t.Errorf("bad lines %v, next %d, uids %v, %v", bad, l.nextUID, uids, err)
			}
		})
	}
}

func FuzzUIDList(f *testing.F) {
	f.Add("3 V5 N4 G0a\n1 :a,S=3:2,S\n3 S3 W4 G12 :b\n")
	f.Add("1 5 3\n1 a:2,S\n2 b\n")
	f.Fuzz(func(t *testing.T, text string) {
		type record struct {
			base string
			uid  uint32
		}
		var records []record
		l, err := parseUIDList(strings.NewReader(text), func(_ int, base string, r uidRecord) {
			records = append(records, record{base, r.uid})
		}, func(int, string) {})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.uid == 0 || r.uid >= l.nextUID && l.version == 3 && l.nextUID != 0 || r.base == "" || strings.ContainsAny(r.base, "/:") {
				t.Errorf("%q: record %+v, next %d", text, r, l.nextUID)
			}
		}
	})
}
