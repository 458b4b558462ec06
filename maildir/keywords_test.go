package maildir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// put delivers a message and gives its file's name.
func put(t *testing.T, s *Store, mailbox string, flags ...string) string {
	t.Helper()
	p, err := s.Prepare(context.Background(), message.Parse([]byte("A: b\n\nbody\n")), mailstore.Delivery{
		Mailbox: mailbox, Create: true, Flags: flags,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(); err != nil {
		t.Fatal(err)
	}
	path := p.(*pending).path
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsInNames(t *testing.T) {
	var warnings []string
	s, home := inHome(t, func(o *Options) { o.Warn = func(err error) { warnings = append(warnings, err.Error()) } })
	mustMakeDirs(t, home, "Maildir/cur", "Maildir/new", "Maildir/tmp")
	keywords := home + "/Maildir/dovecot-keywords"
	mustWrite(t, keywords, "0 Junk\n2 $Label1\nnonsense\n99 x\n")
	tests := []struct {
		flags          []string
		suffix         string // of the name
		table, warning string
	}{
		{nil, "", "0 Junk\n2 $Label1\nnonsense\n99 x\n", ""},
		{[]string{`\recent`}, "", "0 Junk\n2 $Label1\nnonsense\n99 x\n", ""},
		{[]string{`\SEEN`, `\Draft`, `\Flagged`, `\Answered`, `\Deleted`, `\Seen`}, ":2,DFRST", "0 Junk\n2 $Label1\nnonsense\n99 x\n", ""},
		{[]string{"junk", `\Seen`, "$LABEL1"}, ":2,Sac", "0 Junk\n2 $Label1\nnonsense\n99 x\n", ""},
		{[]string{"new one", `\Odd`, "a(b", "", "ümlaut", strings.Repeat("x", 51)}, "", "0 Junk\n2 $Label1\nnonsense\n99 x\n", "cannot be stored"},
		{[]string{"Fresh", "Fresher", "fresh"}, ":2,bd", "0 Junk\n1 Fresh\n2 $Label1\n3 Fresher\n", ""},
	}
	for _, tt := range tests {
		warnings = nil
		path := put(t, s, "INBOX", tt.flags...)
		if got := path[len(strings.Split(path, ":")[0]):]; got != tt.suffix {
			t.Errorf("%q: name %s, want the end %q", tt.flags, path, tt.suffix)
		}
		if strings.Contains(path, "/new/") != (tt.suffix == "") {
			t.Errorf("%q lies in %s", tt.flags, path)
		}
		if got := mustRead(t, keywords); got != tt.table {
			t.Errorf("%q: keywords %q, want %q", tt.flags, got, tt.table)
		}
		if got := strings.Join(warnings, "\n"); !strings.Contains(got, tt.warning) || tt.warning == "" && got != "" {
			t.Errorf("%q: warnings %q, want %q", tt.flags, got, tt.warning)
		}
	}
}

// The message with the 27th keyword is kept, without it.
func TestKeywordsFull(t *testing.T) {
	var warned error
	s, home := inHome(t, func(o *Options) { o.Warn = func(err error) { warned = err } })
	for i := range 26 {
		put(t, s, "INBOX", fmt.Sprintf("kw%02d", i))
	}
	before := mustRead(t, home+"/Maildir/dovecot-keywords")
	if path := put(t, s, "INBOX", "kw25", "onemore"); !strings.HasSuffix(path, ":2,z") {
		t.Errorf("name %s", path)
	}
	if !errors.Is(warned, errKeywordsFull) || !strings.Contains(warned.Error(), "onemore") {
		t.Errorf("warning %v", warned)
	}
	if after := mustRead(t, home+"/Maildir/dovecot-keywords"); after != before || strings.Count(after, "\n") != 26 {
		t.Errorf("keywords now %q", after)
	}
}

// Dovecot compares seconds: the file's time must grow by one with each change.
func TestKeywordsTimeGrows(t *testing.T) {
	s, home := inHome(t, nil)
	var last time.Time
	for i := range 4 {
		put(t, s, "INBOX", fmt.Sprintf("kw%d", i))
		info, err := os.Stat(home + "/Maildir/dovecot-keywords")
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime().Unix() <= last.Unix() {
			t.Errorf("change %d at %v, the one before at %v", i, info.ModTime(), last)
		}
		last = info.ModTime()
	}
}

// The keywords are read once, and again after somebody else changed them.
func TestKeywordsCache(t *testing.T) {
	counting := &fsxtest.Faulty{FS: fsx.OS{}}
	s, home := inHome(t, func(o *Options) { o.FS = counting })
	put(t, s, "INBOX", "Junk")
	calls := func() int {
		before := counting.Calls()
		put(t, s, "INBOX", "Junk")
		return counting.Calls() - before
	}
	first := calls()
	if second := calls(); second >= first {
		t.Errorf("%d calls, and %d with the keywords known", first, second)
	}
	tmp := home + "/Maildir/other"
	mustWrite(t, tmp, "0 Other\n1 Junk\n")
	if err := os.Rename(tmp, home+"/Maildir/dovecot-keywords"); err != nil {
		t.Fatal(err)
	}
	if path := put(t, s, "INBOX", "Junk"); !strings.HasSuffix(path, ":2,b") {
		t.Errorf("old keywords used: %s", path)
	}
}

func TestParseKeywordsTellsOfBadLines(t *testing.T) {
	var lines []int
	table := parseKeywords("0 a\nx\n-1 b\n26 c\n1 \n2 a\n0 d\n25 z\n", func(line int, _ string) { lines = append(lines, line) })
	if !slices.Equal(lines, []int{2, 3, 4, 5, 6, 7}) {
		t.Errorf("bad lines %v", lines)
	}
	if table[0] != "d" || table[2] != "a" || table[25] != "z" {
		t.Errorf("table %q", table)
	}
}

func TestUniqueNames(t *testing.T) {
	now := time.Unix(1700000000, 5000)
	seen := map[string]bool{}
	for range 1000 {
		name := uniqueName(now, 1, `a/b:c`)
		if seen[name] {
			t.Fatalf("%s twice", name)
		}
		seen[name] = true
		if !strings.HasSuffix(name, `P1.a\057b\072c`) {
			t.Fatalf("name %s", name)
		}
	}
}

func TestParseFileName(t *testing.T) {
	tests := []struct {
		in          string
		want        fileName
		size, vsize int64
	}{
		{"1795258597.M8346P28093.vm,S=11,W=14:2,Sab", fileName{"1795258597.M8346P28093.vm,S=11,W=14", "Sab"}, 11, 14},
		{"1795258597.M8346P28093.vm,S=11,W=14", fileName{"1795258597.M8346P28093.vm,S=11,W=14", ""}, 11, 14},
		{"a,W=3,S=2:2,", fileName{"a,W=3,S=2", ""}, 2, 3},
		{"a:2,FS,other,S=3", fileName{"a", "FS"}, -1, -1},
		{"a:1,S", fileName{"a", ""}, -1, -1},
		{"a,S=x,W=-1,S=99999999999999999999", fileName{"a,S=x,W=-1,S=99999999999999999999", ""}, -1, -1},
		{"S=3", fileName{"S=3", ""}, -1, -1},
	}
	for _, tt := range tests {
		if got := parseFileName(tt.in); got != tt.want || got.size() != tt.size || got.vsize() != tt.vsize {
			t.Errorf("%q: %+v, %d, %d, want %+v", tt.in, got, got.size(), got.vsize(), tt)
		}
	}
}
