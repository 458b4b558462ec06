package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// The report of a run is a page that replaces the one before; one that cannot be written
// is an error, and the mail is expired all the same.
func TestExpireReport(t *testing.T) {
	s := newSite(t, peer.OwnUIDs(2))
	s.extra["mail"] = "separator = \"/\""
	s.extra["lmtp"] = "[[expire]]\nname = \"old <b>mail</b>\"\nmailboxes = [\"Trash\"]\nquery = \"BEFORE 1w\""
	s.write()
	for _, u := range s.users {
		s.put(u, ".Maildir", []aged{{"INBOX", "S", 0}, {"Trash", "S", 800 * 24 * time.Hour}, {"Trash", "S", 24 * time.Hour}})
	}
	file := s.dir + "/report.html"
	s.file(file, "before", 0o640)
	for i, c := range []struct {
		args, holds string
		status      int
		left        int
	}{
		{"expire -n --report " + file, "would be deleted", 0, 3},
		{"expire --report " + file, "<dt>deleted</dt><dd>28 B<small>2 messages</small>", 0, 2},
		{"expire --report " + s.dir + "/none/report.html", "deleted", 75, 2},
	} {
		status, out, problems := s.run(strings.Fields(c.args)...)
		text, err := os.ReadFile(file)
		if err != nil || status != c.status || !strings.Contains(string(text), c.holds) || !strings.Contains(string(text), "old &lt;b&gt;mail") && i < 2 {
			t.Errorf("%s: status %d, %v\n%s%s\n%s", c.args, status, err, out, problems, text)
		}
		if c.status != 0 && !strings.Contains(problems, "writing the report") {
			t.Errorf("%s: %s", c.args, problems)
		}
		if left := len(s.left("user1", ".Maildir")); left != c.left {
			t.Errorf("%s: %d messages are left, wanted %d", c.args, left, c.left)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the page's mode is %v, %v", info.Mode(), err)
	}
	if names, err := os.ReadDir(s.dir); err != nil || strings.Contains(strings.Join(entryNames(names), " "), ".report") {
		t.Errorf("left behind: %v, %v", entryNames(names), err)
	}
}

func entryNames(entries []os.DirEntry) (names []string) {
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
