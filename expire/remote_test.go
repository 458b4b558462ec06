package expire_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire/query"
	"dovetail/expire/remote"
	"dovetail/internal/imapurl"
	"dovetail/internal/peer"
)

// remoteQueries is the number of random queries for each version of Dovecot.
const remoteQueries = 400

// By IMAP random queries find what they find in the Maildir itself. Of SAVED*, which IMAP
// knows by the day, they find nothing else at least.
func TestRemoteAsLocal(t *testing.T) {
	for version, start := range map[string]func(peer.T, peer.DovecotOptions) *peer.Dovecot{"2.3": peer.StartDovecot, "2.4": peer.StartDovecot24} {
		t.Run(version, func(t *testing.T) {
			users := peer.OneUID(1)
			d := start(t, peer.DovecotOptions{Users: users})
			a := &account{user: users[0].Name, folder: func(name string) string {
				if name == "INBOX" {
					return "Maildir"
				}
				return "Maildir/." + strings.ReplaceAll(name, "/", ".")
			}}
			a.fill(t, d, users[0], "maildir:~/Maildir", 3, 40)
			u, err := imapurl.Parse("imap://" + a.user + "@" + d.IMAPAddr + "/")
			if err != nil {
				t.Fatal(err)
			}
			r, err := remote.Open(t.Context(), u, peer.Password)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			ids := a.ids(t)
			make := &queryMaker{Rand: rand.New(rand.NewPCG(3, 4)), mailboxes: append([]string{"*", "%", "Trash*", "inbox", "None*"}, mailboxes...), guids: []string{"none"}}
			matched, saved := 0, 0
			for range remoteQueries {
				words := make.query()
				if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(w), "guid") }) {
					continue
				}
				want, got := a.search(t, words), remotely(t, r, words, ids)
				slices.Sort(want)
				slices.Sort(got)
				if strings.Contains(strings.ToLower(strings.Join(words, " ")), "saved") {
					saved++
					want = slices.DeleteFunc(want, func(s string) bool { return !slices.Contains(got, s) })
				}
				if !slices.Equal(got, want) && !knownWrong(t, words) {
					t.Errorf("%q:\nonly by IMAP %v\nonly here    %v", words, a.describe(t, without(got, want)), a.describe(t, without(want, got)))
				}
				if len(got) > 0 {
					matched++
				}
			}
			if matched < remoteQueries/4 || saved > remoteQueries/2 {
				t.Errorf("only %d of %d queries matched anything, %d had a saved date", matched, remoteQueries, saved)
			}
		})
	}
}

// ids gives the mailboxes' ids by their names.
func (a *account) ids(t *testing.T) map[string]string {
	ids := map[string]string{}
	for _, name := range mailboxes {
		id, err := a.store.MailboxID(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = id
	}
	return ids
}

// remotely gives what IMAP finds, in the form of account.search.
func remotely(t *testing.T, r *remote.Account, words []string, ids map[string]string) (found []string) {
	t.Helper()
	q, err := query.Parse(words, query.Options{Now: time.Now(), Zone: time.Local, Rules: query.Dovecot23})
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	there, _, err := r.Mailboxes(q)
	if err != nil {
		t.Fatal(err)
	}
	for _, mailbox := range there {
		err := r.Search(t.Context(), mailbox, q, false, func(m remote.Message) error {
			found = append(found, fmt.Sprintf("%s %d", ids[m.Mailbox], m.UID))
			return nil
		})
		if err != nil {
			t.Fatalf("%q: %s: %v", words, mailbox, err)
		}
	}
	return found
}
