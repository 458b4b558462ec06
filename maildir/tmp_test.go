package maildir

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestCleanTmp(t *testing.T) {
	now := time.Now()
	s, home := inHome(t, func(o *Options) { o.Now = func() time.Time { return now } })
	put(t, s, "INBOX")
	tmp := home + "/Maildir/tmp"
	stray := tmp + "/stray"
	mustWrite(t, stray, "x")
	deliverLater := func(d time.Duration, wantStray bool) {
		t.Helper()
		now = now.Add(d)
		s.cache = NewCache() // another process
		put(t, s, "INBOX")
		if _, err := os.Stat(stray); (err == nil) != wantStray {
			t.Errorf("after %v: %v", d, err)
		}
	}
	deliverLater(35*time.Hour, true)
	deliverLater(2*time.Hour, true) // looked at two hours before
	deliverLater(7*time.Hour, false)
	mustWrite(t, stray, "x")
	now = now.Add(100 * time.Hour)
	put(t, s, "INBOX") // the cache knows of a look 100 hours ago
	if _, err := os.Stat(stray); err == nil {
		t.Error("stray file kept")
	}
}

// One delivery does not clean up for ever.
func TestCleanTmpIsBounded(t *testing.T) {
	now := time.Now()
	s, home := inHome(t, func(o *Options) { o.Now = func() time.Time { return now } })
	put(t, s, "INBOX")
	tmp := home + "/Maildir/tmp/"
	for i := range maxTmpRemoved + 5 {
		mustWrite(t, fmt.Sprint(tmp, i), "")
	}
	now = now.Add(40 * time.Hour)
	put(t, s, "INBOX")
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 5 {
		t.Errorf("%d files left, %v", len(left), err)
	}
}
