package filter_test

import (
	"os"
	"syscall"
	"testing"

	"dovetail/internal/filter"
	"dovetail/internal/fsx"
	"dovetail/internal/fsx/fsxtest"
	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/internal/message"
	"dovetail/internal/userdb"
	"dovetail/maildir"
)

// Whichever call of the file system fails, once or from then on: no message is
// lost, and one that is reported as moved is whole, in its new place alone.
func TestFaults(t *testing.T) {
	p := compile(t, `require ["fileinto", "mailbox", "imap4flags", "editheader"];
		if header "subject" "1" { fileinto :create :flags "New" "Old"; }
		elsif header "subject" "2" { addflag "Other"; }
		else { addheader "X-Mark" "x"; }`)
	for _, sticky := range []bool{false, true} {
		for n := 1; ; n++ {
			faulty := &fsxtest.Faulty{FS: fsx.OS{}, FailAt: n, Sticky: sticky, Err: syscall.EIO}
			tryFault(t, func(store mailstore.Store, user *userdb.User) (moved map[string]bool) {
				moved = map[string]bool{}
				o := filter.Options{Mailbox: "INBOX", Execute: true, Write: true, Workers: 1}
				// An error of the whole run leaves what was reported before.
				_ = filter.Run(t.Context(), p, residentOf(t, store, nil, user), o, func(m *filter.Message) error {
					if m.Err == nil && m.Header != nil {
						subject, _ := m.Header.Get("Subject")
						moved[subject] = true
					}
					return nil
				})
				return moved
			}, faulty)
			if faulty.Calls() < n {
				break
			}
		}
	}
}

// tryFault runs a filter on a new Maildir whose file system fails.
func tryFault(t *testing.T, run func(mailstore.Store, *userdb.User) map[string]bool, faulty *fsxtest.Faulty) {
	t.Helper()
	home := t.TempDir()
	user := &userdb.User{Name: "anna", UID: uid(), GID: uid(), Home: home}
	open := func(fs fsx.FS) *maildir.Store {
		s, err := maildir.Open(maildir.Options{
			Location: maildir.Location{Root: home, Layout: maildir.MaildirPlusPlus}, Home: home, FS: fs, Hostname: "h",
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	clean := open(nil)
	for _, subject := range []string{"1", "2", "3"} {
		m := message.Parse([]byte("Subject: " + subject + "\n\nbody of " + subject + "\n"))
		storetest.Deliver(t, clean, m, mailstore.Delivery{Mailbox: "INBOX", Received: received, Flags: []string{`\Seen`}})
	}
	giveTo(t, home, user)
	done := run(open(faulty), user)

	copies := map[string]int{}
	for _, mailbox := range []string{"INBOX", "Old"} {
		for _, e := range storetest.Entries(t, clean, mailbox) {
			m, closer, err := clean.Open(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			subject, _ := m.Get("Subject")
			text, err := os.ReadFile(e.Path)
			if want := "\nbody of " + subject + "\n"; err != nil || len(text) < len(want) || string(text[len(text)-len(want):]) != want {
				t.Errorf("call %d: %s: %q, %v", faulty.FailAt, e.Path, text, err)
			}
			copies[subject]++
			if done["1"] && subject == "1" && mailbox != "Old" {
				t.Errorf("call %d: message 1 was said to move and is in %s", faulty.FailAt, mailbox)
			}
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, subject := range []string{"1", "2", "3"} {
		if n := copies[subject]; n == 0 || done[subject] && n != 1 {
			t.Errorf("call %d, sticky %v: %d copies of message %s, done %v", faulty.FailAt, faulty.Sticky, n, subject, done[subject])
		}
	}
}
