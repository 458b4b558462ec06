package builtin

import (
	"slices"
	"testing"
	"time"

	"dovetail/internal/peer/mailbag"
	"dovetail/learn"
)

// warm asks until the vocabulary of the site is in memory, as it is now.
func warm(t *testing.T, c *Classifier, user string, raw []byte) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		class(t, c, user, raw)
		k, err := c.store.known(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		if c.memory.find(siteID, k.site, k.siteChanges) != nil && c.memory.find(k.ownID, k.own, k.ownChanges) != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the vocabularies did not come into memory")
		}
	}
}

// From memory the verdicts are those from the file, and what is taught changes them
// at once, whoever teaches it.
func TestMemory(t *testing.T) {
	b := mailbag.New(3)
	c := open(t, Options{MinLessons: 5})
	list := items(t, b, 0, 60)
	teach(t, c, "anna", learn.Learned, list[:100]...)
	var cold []Verdict
	for i := range 20 {
		cold = append(cold, class(t, c, "anna", b.Spam(100+i)))
	}
	warm(t, c, "anna", b.Spam(0))
	same := func(what string) {
		t.Helper()
		for i := range 20 {
			v := class(t, c, "anna", b.Spam(100+i))
			if v.Score != cold[i].Score || !slices.Equal(v.Clues(), cold[i].Clues()) {
				t.Errorf("%s: %d: %+v, from the file %+v", what, i, v.Score, cold[i].Score)
			}
		}
	}
	same("from memory")
	other := open(t, Options{Path: c.store.path})
	teach(t, other, "bert", learn.Learned, list[100:]...)
	fresh := open(t, Options{Path: c.store.path, MinLessons: 5})
	changed := false
	for i := range cold {
		v := class(t, fresh, "anna", b.Spam(100+i))
		changed = changed || v.Score != cold[i].Score
		cold[i] = v
	}
	if !changed {
		t.Error("the lessons change no verdict")
	}
	same("after another one's lesson")
	warm(t, c, "anna", b.Spam(0))
	same("read again")
	if want := c.memory.users[siteID].counts.used + c.memory.users[1].counts.used; c.memory.size != want || want == 0 {
		t.Errorf("size %d, want %d", c.memory.size, want)
	}
}

// What is too large is not read.
func TestMemoryIsBounded(t *testing.T) {
	c := open(t, Options{})
	teach(t, c, "anna", learn.Learned, items(t, mailbag.New(1), 0, 5)...)
	all, changes, err := c.store.vocabulary(t.Context(), siteID, maxInMemory)
	if err != nil || all.used < 50 || changes != 1 {
		t.Fatal(all, changes, err)
	}
	for limit, want := range map[int]bool{all.used: true, all.used - 1: false} {
		got, _, err := c.store.vocabulary(t.Context(), siteID, limit)
		if err != nil || (got != nil && got.used == all.used) != want {
			t.Errorf("limit %d: %v, %v", limit, got, err)
		}
	}
	for range 100 {
		if c.memory.find(siteID, counts{spam: maxInMemory}, 1) != nil || c.memory.users[siteID].loading {
			t.Fatal("a vocabulary beyond the bound is read")
		}
	}
}

// A table gives what was put into it, whichever keys collide.
func TestTable(t *testing.T) {
	var all table
	want := map[int64]counts{}
	for i := range int64(5000) {
		key := i%7<<keyBits | i*1024 // many of the same low bits
		want[key] = counts{spam: i % 3, ham: i % 5}
		all.set(key, want[key])
	}
	for key, n := range want {
		if got := all.get(key); got != n {
			t.Errorf("%d: %v, want %v", key, got, n)
		}
	}
	for key := range int64(1000) {
		if got := all.get(-1 - key); got != (counts{}) {
			t.Errorf("%v, which was never set", got)
		}
	}
}
