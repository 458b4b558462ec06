package maildir_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"dovetail/internal/mailstore"
	"dovetail/internal/mailstore/storetest"
	"dovetail/maildir"
)

// layouts are the ways of the suite to lay out a store, all with separator "/".
var layouts = map[string]string{
	"maildir++":       "maildir:~/Maildir",
	"maildir++ utf-8": "maildir:~/Maildir:UTF-8:CONTROL=~/control",
	"fs":              "maildir:~/Maildir:LAYOUT=fs",
	"fs of the site":  "maildir:~/.Maildir:LAYOUT=fs:INBOX=~/.Maildir/INBOX",
	"fs dirname":      "maildir:~/Maildir:LAYOUT=fs:DIRNAME=.md:CONTROL=~/control:INDEX=MEMORY",
	"fs all":          "maildir:~/Maildir:LAYOUT=fs:FULLDIRNAME=md:MAILBOXDIR=boxes:CONTROL=~/control:SUBSCRIPTIONS=subs:UTF-8",
}

// open makes a store in a new home and checks it at the end of the test.
func open(t *testing.T, location string, change func(*maildir.Options)) *maildir.Store {
	t.Helper()
	loc, err := maildir.ParseLocation(location)
	if err != nil {
		t.Fatal(err)
	}
	o := maildir.Options{
		Location: loc, Home: t.TempDir(), Separator: "/", User: "user@example.org",
		Warn: func(err error) { t.Errorf("warning: %v", err) },
	}
	if change != nil {
		change(&o)
	}
	s, err := maildir.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustCheck(t, s) })
	return s
}

func quota(t *testing.T, grace string, rules ...string) *maildir.Quota {
	t.Helper()
	q, err := maildir.ParseQuota(rules, grace)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func mustCheck(t *testing.T, s *maildir.Store) {
	t.Helper()
	problems, err := maildir.Check(context.Background(), s, maildir.CheckOptions{Content: true})
	if err != nil {
		t.Errorf("checking the store: %v", err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func readFile(e mailstore.Entry) (string, error) {
	b, err := os.ReadFile(e.Path)
	return string(b), err
}

func TestStore(t *testing.T) {
	for name, location := range layouts {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for the disk
			storetest.Suite(t, func(t *testing.T) storetest.Harness {
				h := storetest.Harness{Read: readFile}
				home := t.TempDir()
				s := open(t, location, func(o *maildir.Options) { o.Home = home })
				h.Store, h.Subscribed = s, s.Subscribed
				h.Limit = func(bytes int64) mailstore.Store {
					return open(t, location, func(o *maildir.Options) {
						o.Home, o.Quota = home, quota(t, "0", fmt.Sprintf("*:bytes=%d", bytes))
					})
				}
				return h
			})
		})
	}
}
