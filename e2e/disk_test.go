package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-smtp"
	"golang.org/x/sys/unix"

	"dovetail/internal/peer"
)

// disk mounts a small file system of memory on a directory.
func disk(t *testing.T, dir, options string) {
	t.Helper()
	peer.Need(t, peer.Root)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("e2e", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("mounting a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
}

// free returns the free space of a file system in bytes, and its free inodes.
func free(t *testing.T, dir string) (int64, int64) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Ffree)
}

// fill takes space until left bytes are free.
func fill(t *testing.T, dir string, left int64) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	n, _ := free(t, dir)
	if err := os.WriteFile(name, make([]byte, max(n-left, 0)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// temporary tells whether a refusal is one of storage, to be tried again.
func temporary(err error) bool {
	var reply *smtp.SMTPError
	return errors.As(err, &reply) && (reply.Code == 451 || reply.Code == 452)
}

// full returns a site with one user whose home is a file system of its own, and
// the directory of that.
func full(t *testing.T, options string) (*site, string) {
	t.Helper()
	s := newSite(t, nil)
	disk(t, s.homes, options)
	s.users = []peer.User{bert, {Name: "carla", UID: peer.MailUID, GID: peer.MailUID}}
	for _, u := range s.users {
		peer.WriteFile(t, filepath.Join(s.home(u.Name), ".keep"), "", u)
	}
	s.passwdFile()
	return s, s.homes
}

// leftovers are the files in all directories of a user's mail, by their names in
// it, without those that hold no message.
func (s *site) leftovers(user string) []string {
	s.t.Helper()
	var found []string
	for _, sub := range []string{"new", "cur", "tmp"} {
		for _, m := range messagesIn(s.t, filepath.Join(s.folder(user, "INBOX"), sub)) {
			found = append(found, filepath.Join(sub, filepath.Base(m.path)))
		}
	}
	return found
}

// Whatever part of a message the disk can still take, the client is told to try
// again and nothing is left in the mailbox; or the message is whole in it.
func TestFullDisk(t *testing.T) {
	s, dir := full(t, "size=1M")
	s.start()
	message := letter + strings.Repeat("A line of the letter, one of many.\r\n", 1000) // 36 kB
	var refused, taken int
	for left := int64(0); left <= 64<<10; left += 4 << 10 {
		if err := os.RemoveAll(filepath.Join(s.home("bert"), ".Maildir")); err != nil {
			t.Fatal(err)
		}
		fill(t, dir, left)
		err := s.deliver("bert", message)
		found := s.leftovers("bert")
		switch {
		case err == nil && len(found) == 1:
			taken++
			if text := s.mail("bert", "INBOX")[0].text; !strings.HasSuffix(text, strings.ReplaceAll(message, "\r\n", "\n")) {
				t.Errorf("%d bytes free: the message is not whole", left)
			}
		case temporary(err) && len(found) == 0:
			refused++
		default:
			t.Errorf("%d bytes free: answer %v, files %v", left, err, found)
		}
	}
	if refused < 5 || taken < 3 {
		t.Errorf("%d refused, %d taken: the disk was not what this test means it to be", refused, taken)
	}
}

// Of two copies the disk may take the first and not the second: none is left then.
func TestFullDiskSecondCopy(t *testing.T) {
	s, dir := full(t, "size=1M")
	s.file(filepath.Join(s.dir, "sieve.d/10_copy.sieve"), "require [\"editheader\", \"fileinto\", \"copy\", \"mailbox\"];\n"+
		"fileinto :copy :create \"Lists\";\naddheader \"X-Mark\" \"second\";\n", 0o644)
	s.start()
	if err := s.deliver("bert", letter); err != nil { // makes the folders
		t.Fatal(err)
	}
	fill(t, dir, 56<<10)
	if err := s.deliver("bert", letter+strings.Repeat("A line of the letter, one of many.\r\n", 1000)); !temporary(err) {
		t.Errorf("answer %v", err)
	}
	s.count("bert", "Lists", 1)
	s.count("bert", "INBOX", 1)
	s.sound("bert", 0)
}

// The same when the directory has no inode left, which is what making a file or
// a folder needs.
func TestNoInodes(t *testing.T) {
	s, dir := full(t, "size=1M,nr_inodes=40")
	s.start()
	_, left := free(t, dir)
	for i := left; i > 0; i-- {
		if err := os.WriteFile(fmt.Sprintf("%s/ballast%d", dir, i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var refused int
	for i := range left + 1 {
		err := s.deliver("bert", letter)
		found := s.leftovers("bert")
		if err == nil {
			if len(found) != 1 {
				t.Errorf("taken, with the files %v", found)
			}
			break
		}
		refused++
		if !temporary(err) || len(found) != 0 {
			t.Errorf("%d inodes free: answer %v, files %v", i, err, found)
		}
		if err := os.Remove(fmt.Sprintf("%s/ballast%d", dir, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 3 || int64(refused) > left {
		t.Errorf("refused %d times", refused)
	}
}

// Exim keeps a message that the full disk could not take, for all or for some of
// its recipients, and it arrives once when there is space again.
func TestFullDiskRetry(t *testing.T) {
	s, dir := full(t, "size=512k")
	s.start()
	e := peer.StartExim(t, peer.EximOptions{LMTPSocket: s.socket})
	fill(t, dir, 8<<10)
	body := strings.Repeat("A line of the letter, one of many.\r\n", 1000)
	to := []string{"bert@example.org", "carla@example.org"}
	e.Send("a@example.net", to, letter+body)
	s.eventually("Exim to defer", func() bool {
		log := e.MainLog()
		return strings.Contains(outcome(log, "bert"), "==") && strings.Contains(outcome(log, "carla"), "==")
	})
	for _, u := range s.users {
		if found := s.leftovers(u.Name); len(found) > 0 {
			t.Errorf("left behind with %s: %v", u.Name, found)
		}
	}
	if log := e.MainLog(); !strings.Contains(log, " 452 4.") && !strings.Contains(log, " 451 4.") {
		t.Errorf("Exim's log:\n%s", log)
	}
	fill(t, dir, 400<<10)
	e.RunQueue()
	e.WaitQueueEmpty(patience)
	for _, u := range s.users {
		s.count(u.Name, "INBOX", 1)
		s.sound(u.Name, 0)
	}
	if out := e.Outside(); len(out) > 0 {
		t.Errorf("bounces:\n%s", out)
	}
}

// A message that the folder for large messages cannot hold is refused for now,
// and the session goes on.
func TestFullSpool(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	spool := filepath.Join(s.dir, "spool")
	disk(t, spool, "size=64k")
	s.extra["lmtp"] = fmt.Sprintf("spool_dir = %q\nspool_memory = \"8k\"\n", spool)
	s.start()
	big := strings.Repeat("A line of the letter, one of many.\r\n", 200_000) // 7 MB: more than any session keeps in memory
	err := s.deliver("bert", letter+big)
	if !temporary(err) {
		t.Errorf("answer %v", err)
	}
	if err := s.deliver("bert", letter); err != nil {
		t.Errorf("a small message after it: %v", err)
	}
	if n, _ := free(t, spool); n != 64<<10 {
		t.Errorf("%d bytes of the spool are free: it still holds something", n)
	}
	s.count("bert", "INBOX", 1)
}

// A user whose script names a folder that cannot be used gets the mail in INBOX.
func TestUnusableFolder(t *testing.T) {
	s := newSite(t, []peer.User{bert})
	s.script("require [\"fileinto\", \"mailbox\"];\nfileinto :create \"Lists\";\n", "bert")
	peer.WriteFile(t, filepath.Join(s.home("bert"), ".Maildir/Lists"), "not a folder", bert)
	s.start()
	if err := s.deliver("bert", letter); err != nil {
		t.Errorf("answer %v", err)
	}
	for _, m := range s.count("bert", "INBOX", 1) {
		if sys := m.info.Sys().(*syscall.Stat_t); sys.Nlink != 1 {
			t.Errorf("%s has %d links", m.path, sys.Nlink)
		}
	}
}
