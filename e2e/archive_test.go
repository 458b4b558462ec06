package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// archiving are rules that keep INBOX, Lists and Work in a file, in a Maildir, and in
// another mailbox.
const archiving = `
[[expire]]
name = "to a file"
mailboxes = "INBOX"
query = "ALL"
action = "archive"
archive = "mbox:~/old/%{mailbox}-%{year}"
[[expire]]
name = "to a Maildir"
mailboxes = "Lists"
query = "ALL"
action = "archive"
archive = "maildir:~/old/Maildir:LAYOUT=fs"
[[expire]]
name = "to a mailbox"
mailboxes = "Work"
query = "ALL"
action = "move"
folder = "Old/Work"
`

var archivedFrom = []string{"INBOX", "Lists", "Work"}

// fillBoxes puts messages from a number on into the three mailboxes until each has so
// many, and gives the next number.
func (s *site) fillBoxes(user peer.User, next, many, lines int) int {
	s.t.Helper()
	for _, mailbox := range archivedFrom {
		cur := filepath.Join(s.folder(user.Name, mailbox), "cur")
		there, err := os.ReadDir(cur)
		if err != nil {
			for _, part := range []string{"tmp", "new", "cur"} {
				if err := os.MkdirAll(filepath.Join(s.folder(user.Name, mailbox), part), 0o700); err != nil {
					s.t.Fatal(err)
				}
			}
			peer.Chown(s.t, s.home(user.Name), user)
		}
		for n := len(there); n < many; n++ {
			text := fmt.Sprintf("Subject: number %d.\n\n%s", next, strings.Repeat("From one line to the next\n", lines))
			name := fmt.Sprintf("%s/%d.M%dP1.host,S=%d:2,S", cur, 1_700_000_000+next, next, len(text))
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				s.t.Fatal(err)
			}
			if err := os.Chown(name, user.UID, user.GID); err != nil {
				s.t.Fatal(err)
			}
			next++
		}
	}
	return next
}

var numbered = regexp.MustCompile(`(?m)^Subject: number (\d+)\.\n`)

// numbers counts the messages in files by their numbers.
func numbers(t *testing.T, count map[string]int, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.Contains(filepath.Base(file), ".lock") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range numbered.FindAllSubmatch(text, -1) {
				count[string(m[1])]++
			}
		}
	}
}

// accounted wants each of the messages below next in its mailbox or where the rules bring
// it, there once; at the end only there.
func (s *site) accounted(user string, next int, done bool) {
	s.t.Helper()
	there, kept := map[string]int{}, map[string]int{}
	for _, mailbox := range archivedFrom {
		numbers(s.t, there, s.folder(user, mailbox)+"/cur/*")
	}
	old := s.home(user) + "/old"
	numbers(s.t, kept, old+"/INBOX-*", old+"/Maildir/Lists/cur/*", s.folder(user, "Old/Work")+"/cur/*")
	for n := range next {
		id := fmt.Sprint(n)
		switch {
		case there[id]+kept[id] == 0:
			s.t.Fatalf("message %d is nowhere", n)
		case kept[id] > 1:
			s.t.Fatalf("message %d is kept %d times", n, kept[id])
		case done && (kept[id] != 1 || there[id] != 0):
			s.t.Fatalf("message %d is kept %d times, and %d times in its mailbox", n, kept[id], there[id])
		}
	}
}

// `dovetail expire` is killed a hundred times, wherever it is: no message is lost, none is
// kept twice, and a last run completes.
func TestExpireKilled(t *testing.T) {
	const kills, atOnce = 100, 150
	s := newSite(t, []peer.User{bert})
	s.rules(archiving)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	next, died := s.fillBoxes(bert, 0, atOnce, 20), 0
	begin := time.Now()
	if status, out, problems := s.run("expire", "-u", "bert"); status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, problems)
	}
	whole := min(time.Since(begin), 200*time.Millisecond)
	for n := range kills {
		if time.Since(begin) > 30*time.Second { // on a machine that has much else to do
			break
		}
		next = s.fillBoxes(bert, next, atOnce, random.IntN(50))
		cmd := exec.Command(binary("dovetail"), "expire", "-c", s.config(), "-u", "bert")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(whole))))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if cmd.Wait() != nil {
			died++
		}
		if n%10 == 9 {
			s.accounted("bert", next, false)
		}
	}
	status, out, problems := s.run("expire", "-u", "bert")
	if status != 0 {
		t.Errorf("status %d\n%s%s", status, out, problems)
	}
	s.accounted("bert", next, true)
	s.sound("bert", 36*time.Hour)
	t.Logf("%d messages, %d times killed in the midst", next, died)
	if died == 0 {
		t.Error("none was killed before it was done")
	}
}

// While the disk is full nothing is deleted that was not archived, the error names the
// user, the mailbox and the file, and a run with space completes.
func TestFullDiskArchive(t *testing.T) {
	for name, rule := range map[string]struct{ place, file string }{
		"mbox":    {"mbox:~/old/INBOX-1", "/old/INBOX-1"},
		"maildir": {"maildir:~/old/Maildir", "/old/Maildir"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := full(t, "size=3M")
			s.rules(fmt.Sprintf("[[expire]]\nmailboxes = \"INBOX\"\nquery = \"ALL\"\naction = \"archive\"\narchive = %q\n", rule.place))
			cur := s.folder("bert", "INBOX") + "/cur"
			const n = 50
			for i := range n {
				peer.WriteFile(t, fmt.Sprintf("%s/%d.M%dP1.host:2,", cur, 1_700_000_000+i, i),
					fmt.Sprintf("Subject: number %d.\n\n%s", i, strings.Repeat("One line of many\n", 500)), bert)
			}
			peer.Chown(t, s.home("bert"), bert)
			kept := func() map[string]int {
				count := map[string]int{}
				numbers(t, count, s.home("bert")+"/old/INBOX-*", s.home("bert")+"/old/Maildir/cur/*", s.home("bert")+"/old/Maildir/new/*")
				return count
			}
			failed := 0
			for _, left := range []int64{0, 4 << 10, 8 << 10, 16 << 10, 64 << 10, 200 << 10, 300 << 10} {
				fill(t, dir, left)
				status, out, problems := s.run("expire", "-u", "bert")
				if status == 0 {
					break
				}
				failed++
				if !strings.Contains(problems, "user bert: mailbox INBOX: ") || !strings.Contains(problems, "no space left on device") {
					t.Errorf("%d bytes free: %s%s", left, out, problems)
				}
				if left >= 16<<10 && !strings.Contains(problems, s.home("bert")+rule.file) {
					t.Errorf("%d bytes free: the file is not named: %s", left, problems)
				}
				archived := kept()
				there := map[string]int{}
				numbers(t, there, cur+"/*")
				for i := range n {
					if id := fmt.Sprint(i); there[id]+archived[id] == 0 || archived[id] > 1 {
						t.Fatalf("%d bytes free: message %d is in the mailbox %d times, in the archive %d times", left, i, there[id], archived[id])
					}
				}
			}
			if failed < 4 {
				t.Errorf("%d runs failed: the disk was not what this test means it to be", failed)
			}
			fill(t, dir, 2<<20)
			if status, out, problems := s.run("expire", "-u", "bert"); status != 0 {
				t.Errorf("with space: status %d\n%s%s", status, out, problems)
			}
			if archived := kept(); len(archived) != n {
				t.Errorf("%d messages of %d are archived", len(archived), n)
			}
			s.count("bert", "INBOX", 0)
		})
	}
}

// A link in a home leads an archive where its user may go, and nowhere else.
func TestArchiveThroughLink(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.rules("[[expire]]\nmailboxes = \"INBOX\"\nquery = \"ALL\"\naction = \"archive\"\narchive = \"mbox:~/out/%n\"\n")
	peer.WriteFile(t, s.folder("bert", "INBOX")+"/cur/1700000001.M1P1.host:2,", "Subject: number 1.\n\n", bert)
	peer.Chown(t, s.home("bert"), bert)
	roots, users := filepath.Join(s.dir, "roots"), filepath.Join(s.homes, "more")
	for _, dir := range []string{roots, users} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	peer.Chown(t, users, bert)
	link := filepath.Join(s.home("bert"), "out")
	if err := os.Symlink(roots, link); err != nil {
		t.Fatal(err)
	}
	status, _, problems := s.run("expire", "-u", "bert")
	if status == 0 || !strings.Contains(problems, "permission denied") || !strings.Contains(problems, link) {
		t.Errorf("status %d: %s", status, problems)
	}
	s.count("bert", "INBOX", 1)
	if files, err := os.ReadDir(roots); err != nil || len(files) > 0 {
		t.Errorf("in root's directory: %v, %v", files, err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(users, link); err != nil {
		t.Fatal(err)
	}
	if status, _, problems := s.run("expire", "-u", "bert"); status != 0 {
		t.Errorf("status %d: %s", status, problems)
	}
	info, err := os.Stat(users + "/bert")
	if err != nil || info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != uint32(bert.UID) {
		t.Errorf("%+v, %v", info, err)
	}
	s.count("bert", "INBOX", 0)
}
