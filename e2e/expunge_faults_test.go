package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/internal/peer"
)

// sweepFault is what is wrong with a user's mail, and what comes of it.
type sweepFault struct {
	name string
	do   func(f faulty)
	// What dovetail says of the user: nothing is wrong when it is empty.
	says string
	// Doveadm does not serve as the model: it takes what cannot be read for empty
	// (left as it was here), or removes a link.
	alone bool
	left  []string // then
}

// faulty is the mail that something is done to.
type faulty struct {
	t    *testing.T
	user peer.User
	dir  string // of the mail
	out  string // a folder that is not the user's
}

func (f faulty) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f faulty) write(name, text string) {
	f.t.Helper()
	peer.WriteFile(f.t, filepath.Join(f.dir, name), text, f.user)
}

func (f faulty) mode(name string, mode fs.FileMode) {
	f.t.Helper()
	f.check(os.Chmod(filepath.Join(f.dir, name), mode))
}

func (f faulty) rename(name, to string) {
	f.t.Helper()
	f.check(os.Rename(filepath.Join(f.dir, name), filepath.Join(f.dir, to)))
}

// moveOut puts the mail elsewhere, and a link in its place.
func (f faulty) moveOut() {
	f.t.Helper()
	f.check(os.Rename(f.dir, f.out))
	f.check(os.Symlink(f.out, f.dir))
}

// lock writes a lock of INBOX that a process holds.
func (f faulty) lock(pid int) {
	f.t.Helper()
	host, err := os.Hostname()
	f.check(err)
	f.write("INBOX/dovecot-uidlist.lock", fmt.Sprintf("%d:%s", pid, host))
}

// The messages of each user; those with S are to go.
var sweptMail = []aged{{"INBOX", "S", 0}, {"INBOX", "S", 0}, {"INBOX", "", 0}, {"Trash", "S", 0}, {"Trash", "", 0}}

const (
	firstMessage = "cur/1700000000.M0P1.host,S=14"
	keptInbox    = "INBOX/cur/1700000002.M2P1.host,S=14:2,"
	keptTrash    = "Trash/cur/1700000004.M4P1.host,S=14:2,"
)

// all is what was there.
var allSwept = []string{"INBOX/" + firstMessage + ":2,S", "INBOX/cur/1700000001.M1P1.host,S=14:2,S", keptInbox, "Trash/cur/1700000003.M3P1.host,S=14:2,S", keptTrash}

var sweepFaults = []sweepFault{
	{name: "nothing", do: func(faulty) {}},
	{name: "no mail at all", do: func(f faulty) { f.check(os.RemoveAll(f.dir)) }},
	{name: "a message that cannot be read", do: func(f faulty) { f.mode("INBOX/"+firstMessage+":2,S", 0) }},
	{name: "a directory in new with the name of a message", do: func(f faulty) { f.write("INBOX/new/1700000000.M0P1.host,S=14/x", "") }},
	{name: "a directory in cur with the name of a message", do: func(f faulty) { f.write("INBOX/"+firstMessage+":2,ST/x", "") }},
	{name: "a directory like a message", do: func(f faulty) { f.write("INBOX/cur/1700000009.M9P1.host,S=14:2,S/x", "") }, says: "stays: "},
	{name: "a link like a message", do: func(f faulty) { f.check(os.Symlink("/etc/passwd", f.dir+"/INBOX/cur/1700000009.M9P1.host:2,S")) },
		says: "1700000009.M9P1.host:2,S: not a regular file", alone: true, left: []string{keptInbox, keptTrash}},
	{name: "a folder with a line end in its name", do: func(f faulty) { f.rename("Trash", "Tra\nsh") }},
	{name: "a folder with a control byte in its name", do: func(f faulty) { f.rename("Trash", "Tra\x01\x1b[31msh") }},
	{name: "a message with a line end in its name", do: func(f faulty) { f.rename("INBOX/"+firstMessage+":2,S", "INBOX/cur/17\n00.M0P1.host,S=14:2,S") }},
	{name: "a message with control bytes in its name", do: func(f faulty) {
		f.rename("INBOX/"+firstMessage+":2,S", "INBOX/cur/17\x01\t\x1b\xff00.M0P1.host,S=14:2,S")
	}},
	{name: "the mail is a link out of the home", do: func(f faulty) { f.moveOut() }},
	{name: "the mail is a link to what is root's", do: func(f faulty) { f.moveOut(); peer.Chown(f.t, f.out, peer.User{}) },
		says: "permission denied", alone: true, left: allSwept},
	{name: "a folder is a link to what is root's", do: func(f faulty) {
		f.check(os.Rename(f.dir+"/Trash", f.out))
		f.check(os.Symlink(f.out, f.dir+"/Trash"))
		peer.Chown(f.t, f.out, peer.User{})
	}, says: "mailbox Trash: ", alone: true, left: append([]string{keptInbox}, allSwept[3:]...)},
	{name: "a home that cannot be entered", do: func(f faulty) { f.check(os.Chmod(filepath.Dir(f.dir), 0)) },
		says: "permission denied", alone: true, left: allSwept},
	{name: "a folder that cannot be entered", do: func(f faulty) { f.mode("Trash", 0) }, says: "mailbox Trash: "},
	{name: "a folder that cannot be read", do: func(f faulty) { f.mode("Trash/cur", 0) }, says: "mailbox Trash: "},
	{name: "a folder that cannot be written to", do: func(f faulty) { f.mode("Trash/cur", 0o500) }, says: "mailbox Trash: expunging "},
	{name: "a uidlist that cannot be read", do: func(f faulty) {
		f.write("INBOX/dovecot-uidlist", "3 V1700000000 N5 Gabc\n1 :1700000000.M0P1.host,S=14\n")
		f.mode("INBOX/dovecot-uidlist", 0)
	}, says: "mailbox INBOX: ", alone: true, left: append(slices.Clone(allSwept[:3]), keptTrash)},
	{name: "a lock that another one holds", do: func(f faulty) { f.lock(os.Getpid()) },
		says: "dovecot-uidlist.lock: held by another process", alone: true, left: append(slices.Clone(allSwept[:3]), keptTrash)},
	{name: "a lock that a dead one has left", do: func(f faulty) { f.lock(1 << 22) }}, // no process gets a higher number, or this
}

// One run over all users, each with another fault: each user's fault is told, with user
// and mailbox or file, and keeps nobody else's mail from being removed. What is left is
// what doveadm leaves, where it says what it does.
func TestSweepFaults(t *testing.T) {
	for _, v := range dovecots {
		t.Run(v.name, func(t *testing.T) {
			n := len(sweepFaults)
			users := peer.OwnUIDs(2 * n) // the second half is for doveadm
			d := v.start(t, peer.DovecotOptions{Users: users, MailLocation: siteLocation})
			s := withDovecot(t, d, users, siteLocation)
			s.extra["mail"] = "separator = \"/\"\nmail_max_lock_timeout = \"1s\"\n"
			s.write()
			homes := make([]faulty, len(users))
			for i, u := range users {
				s.put(u, ".Maildir", sweptMail)
				homes[i] = faulty{t, u, s.home(u.Name) + "/.Maildir", filepath.Join(d.Dir, "out"+u.Name)}
				sweepFaults[i%n].do(homes[i])
			}
			var names strings.Builder
			for i := range n {
				fmt.Fprintln(&names, users[i].Name)
			}
			s.file(s.dir+"/names", names.String(), 0o644)
			s.searched(t, s.dir+"/names")
			status, out, problems := s.run("expunge", "-F", s.dir+"/names", "mailbox", "*", "SEEN")
			if status != 75 || out != "" {
				t.Errorf("status %d, %q", status, out)
			}
			for i, fault := range sweepFaults {
				checkFault(t, homes[i], fault, problems)
				if fault.alone {
					continue
				}
				_, _ = d.TryDoveadm("expunge", "-u", users[n+i].Name, "mailbox", "*", "SEEN") // what is left tells
				if got, want := leftOf(t, homes[i]), leftOf(t, homes[n+i]); !slices.Equal(got, want) {
					t.Errorf("%s: left are %q, by doveadm %q", fault.name, got, want)
				}
			}
		})
	}
}

// checkFault checks what was said of a user, and what is left.
func checkFault(t *testing.T, f faulty, fault sweepFault, problems string) {
	t.Helper()
	var said []string
	for line := range strings.Lines(problems) {
		if strings.Contains(line, "user "+f.user.Name+":") || strings.Contains(line, "/"+f.user.Name+"/") {
			said = append(said, line)
		}
	}
	if fault.says == "" && len(said) > 0 || fault.says != "" && (len(said) != 1 || !strings.Contains(said[0], fault.says)) {
		t.Errorf("%s: it said %q, want one line with %q", fault.name, said, fault.says)
	}
	if got := leftOf(t, f); fault.alone && !slices.Equal(got, fault.left) {
		t.Errorf("%s: left are %q, want %q", fault.name, got, fault.left)
	}
}

// leftOf gives the messages that are left, sorted.
func leftOf(t *testing.T, f faulty) []string {
	t.Helper()
	var left []string
	walk := func(root, prefix string) {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if strings.HasPrefix(string(text), "Subject: ") {
				left = append(left, prefix+strings.TrimPrefix(path, root+"/"))
			}
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
	walk(f.dir, "")
	if _, err := os.Lstat(f.out + "/cur"); err == nil {
		walk(f.out, "Trash/")
	} else {
		walk(f.out, "")
	}
	slices.Sort(left)
	return left
}

// searched checks the forms of what search prints: one line for each message.
func (s *site) searched(t *testing.T, names string) {
	t.Helper()
	_, text, _ := s.run("search", "-F", names, "mailbox", "*", "SEEN")
	_, objects, _ := s.run("search", "--format", "json", "-F", names, "mailbox", "*", "SEEN")
	lines := strings.Count(text, "\n")
	if lines < 40 || strings.Count(objects, "\n") < 40 {
		t.Errorf("%d lines of text and %d objects", lines, strings.Count(objects, "\n"))
	}
	for line := range strings.Lines(text) {
		if len(strings.Fields(line)) != 3 {
			t.Errorf("a line %q", line)
		}
	}
	for line := range strings.Lines(objects) {
		var o struct {
			User, Mailbox, File string
			Received            time.Time
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(line)))
		if err := dec.Decode(&o); err != nil || o.User == "" || o.Mailbox == "" || o.File == "" || o.Received.IsZero() || strings.ContainsFunc(line[:len(line)-1], isControl) {
			t.Errorf("%v: %q", err, line)
		}
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
