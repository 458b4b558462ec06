package archive_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"dovetail/expire/archive"
	"dovetail/internal/fsx"
	"dovetail/internal/userdb/expand"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ place, err string }{
		{"mbox:~/archive/%{mailbox}-%{year}.mbox", ""},
		{"maildir:%h/old:LAYOUT=fs", ""},
		{"mbox:/srv/old/%u", ""},
		{"mbox:old", "neither absolute nor below the home"},
		{"mbox:", "neither absolute"},
		{"mbox:~/old/", "a directory"},
		{"tar:~/old", "expected mbox:PATH or maildir:PATH"},
		{"~/old", "expected mbox:PATH or maildir:PATH"},
		{"mbox:~/%{month}", "unknown variable"},
	} {
		p, err := archive.Parse(c.place)
		switch {
		case c.err == "" && (err != nil || p.String() != c.place):
			t.Errorf("%s: %v", c.place, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %s", c.place, err, c.err)
		}
	}
}

// What leads nowhere is an error when the first message comes, and all after it.
func TestPlaceRefused(t *testing.T) {
	h := newHome(t)
	h.put("INBOX", text("one"), received)
	m := h.matches("INBOX")[0]
	for _, c := range []struct {
		place string
		vars  expand.Vars
		err   string
	}{
		{"mbox:~/old", expand.Vars{User: "anna"}, "no home"},
		{"mbox:%u/old", expand.Vars{User: "anna"}, "not an absolute path"},
		{"mbox:~/%u", expand.Vars{User: "../anna", Home: h.dir}, "a file name may not have"},
		{"mbox:~/%n/x", expand.Vars{User: "..@x", Home: h.dir}, `".."`},
		{"maildir:~/%u", expand.Vars{User: "a:b", Home: h.dir}, "a file name may not have"},
		{"maildir:~/x:LAYOUT=index", expand.Vars{Home: h.dir}, "LAYOUT"},
	} {
		p, err := archive.Parse(c.place)
		if err != nil {
			t.Fatal(err)
		}
		a, err := archive.Open(archive.Options{Place: p, Vars: c.vars, Separator: "/", FS: fsx.OS{}})
		if err != nil {
			t.Fatal(err)
		}
		err = a.Add(context.Background(), &m, opener(m))
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s for %+v: %v", c.place, c.vars, err)
		}
		if err := a.Flush(context.Background()); err == nil {
			t.Errorf("%s for %+v: flushed", c.place, c.vars)
		}
	}
	if names, err := os.ReadDir(h.dir); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

// Names of mailboxes become names of files, each its own.
func TestMailboxInPath(t *testing.T) {
	h := newHome(t)
	for mailbox, file := range map[string]string{"a/b": "a.b", "Entwürfe": "Entwürfe", "100%": "100%25", "INBOX": "INBOX", "x:y": "x%3Ay"} {
		h.put(mailbox, text("one"), received)
		h.archive("mbox:~/%{mailbox}", mailbox)
		h.want(file, line("one"))
	}
}
