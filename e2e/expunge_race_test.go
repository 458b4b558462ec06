package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sys/unix"

	"dovetail/internal/peer"
)

// What an IMAP client does after the messages were chosen and before they are removed:
// dovetail expunge is stopped there each time. What was changed stays, what was not
// goes, and numbers are those of the mailbox as it is when nobody else can change it.
func TestExpungeStoppedInBetween(t *testing.T) {
	for _, v := range dovecots {
		t.Run(v.name, func(t *testing.T) {
			users := peer.OneUID(1)
			d := v.start(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation, Mailboxes: []string{"Other"}})
			s := withDovecot(t, d, users, siteLocation)
			s.extra["mail"] = "separator = \"/\"\n"
			s.write()
			c := newClient(t, d, "user1")
			for _, r := range []struct {
				query string
				do    func(c client)
				left  []string // in INBOX
				other []string
			}{
				{"SEEN NOT FLAGGED", func(c client) {
					c.flag("1", imap.StoreFlagsAdd, imap.FlagFlagged)
					c.flag("2", imap.StoreFlagsDel, imap.FlagSeen)
					c.flag("3", imap.StoreFlagsAdd, "$Keep")
					c.flag("4", imap.StoreFlagsAdd, imap.FlagFlagged)
					c.flag("4", imap.StoreFlagsDel, imap.FlagFlagged)
					c.move("INBOX", "5", "Other")
					c.copy("INBOX", "6", "Other")
					c.drop("7")
					c.put("new")
				}, []string{"1", "2", "3", "new"}, []string{"5", "6"}},
				{"SEEN SAVEDSINCE 1d", func(c client) {
					c.flag("1", imap.StoreFlagsAdd, imap.FlagFlagged)
					c.flag("1", imap.StoreFlagsDel, imap.FlagFlagged)
				}, []string{"1"}, nil},
				{"2:3 SEEN", func(c client) { c.drop("1"); c.drop("2"); c.put("new") }, []string{"3", "6", "7", "8", "9", "new"}, nil},
				{"NOT 3:* SEEN", func(c client) { c.drop("2") }, []string{"4", "5", "6", "7", "8", "9"}, nil},
			} {
				for n := 1; n < 10; n++ {
					c.put(fmt.Sprint(n))
				}
				words := append([]string{"expunge", "-u", "user1", "mailbox", "INBOX"}, strings.Fields(r.query)...)
				s.stoppedInBetween(words, func() { r.do(c) })
				for box, want := range map[string][]string{"INBOX": r.left, "Other": r.other} {
					if got := c.names(box); !slices.Equal(got, want) {
						t.Errorf("%s: %s holds %q, want %q", r.query, box, got, want)
					}
					c.empty(box)
				}
			}
		})
	}
}

// put stores a message that was seen.
func (c client) put(name string) {
	c.t.Helper()
	c.append("INBOX", name)
	c.check(c.Store(c.find("INBOX", name), &imap.StoreFlags{Op: imap.StoreFlagsSet, Flags: []imap.Flag{imap.FlagSeen}}, nil).Close())
}

func (c client) flag(name string, op imap.StoreFlagsOp, flag imap.Flag) {
	c.t.Helper()
	c.check(c.Store(c.find("INBOX", name), &imap.StoreFlags{Op: op, Flags: []imap.Flag{flag}}, nil).Close())
}

// drop removes a message for good.
func (c client) drop(name string) {
	c.t.Helper()
	c.flag(name, imap.StoreFlagsAdd, imap.FlagDeleted)
	c.check(c.Expunge().Close())
}

// names gives the names of the messages of a mailbox, sorted.
func (c client) names(box string) []string {
	c.t.Helper()
	_, err := c.Select(box, nil).Wait()
	c.check(err)
	found, err := c.Search(&imap.SearchCriteria{}, nil).Wait()
	c.check(err)
	if len(found.AllSeqNums()) == 0 {
		return nil
	}
	messages, err := c.Fetch(found.All, &imap.FetchOptions{Envelope: true}).Collect()
	c.check(err)
	var names []string
	for _, m := range messages {
		names = append(names, m.Envelope.Subject)
	}
	slices.Sort(names)
	return names
}

func (c client) empty(box string) {
	c.t.Helper()
	if len(c.names(box)) > 0 {
		all := imap.SeqSet{}
		all.AddRange(1, 0)
		c.check(c.Store(all, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close())
		c.check(c.Expunge().Close())
	}
}

// stoppedInBetween runs dovetail, stops it when it waits for the lock of user1's INBOX,
// does something meanwhile, and lets it go on.
func (s *site) stoppedInBetween(words []string, meanwhile func()) {
	s.t.Helper()
	host, err := os.Hostname()
	if err != nil {
		s.t.Fatal(err)
	}
	lock := filepath.Join(s.home("user1"), ".Maildir/INBOX/dovecot-uidlist.lock")
	peer.WriteFile(s.t, lock, fmt.Sprintf("%d:%s", os.Getpid(), host), s.users[0])
	opened := watchOpen(s.t, lock)
	cmd := exec.Command(binary("dovetail"), append([]string{"-c", s.config()}, words...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer cmd.Process.Kill()
	opened() // it reads whose lock it is
	s.signal(cmd.Process, syscall.SIGSTOP)
	for end := time.Now().Add(patience); !stopped(s.t, cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("it does not stop")
		}
	}
	if err := os.Remove(lock); err != nil {
		s.t.Fatal(err)
	}
	meanwhile()
	s.signal(cmd.Process, syscall.SIGCONT)
	if err := cmd.Wait(); err != nil {
		s.t.Errorf("%q: %v\n%s", words, err, &out)
	}
}

func (s *site) signal(p *os.Process, sig os.Signal) {
	s.t.Helper()
	if err := p.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// stopped tells whether all threads of a process are stopped.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("process %d: %v", pid, err)
	}
	for _, name := range threads {
		stat, err := os.ReadFile(name)
		if err == nil && !bytes.Contains(stat, []byte(") T ")) {
			return false
		}
	}
	return true
}

// watchOpen gives a function that waits until somebody opens a file.
func watchOpen(t *testing.T, path string) (wait func()) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer unix.Close(fd)
		for end := time.Now().Add(patience); ; {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
			switch {
			case n > 0:
				return
			case err != nil && err != unix.EINTR, time.Now().After(end):
				t.Fatalf("nobody waits for the lock: %v", err)
			}
		}
	}
}
