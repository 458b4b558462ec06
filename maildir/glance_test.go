package maildir

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"
)

// A glance tells of names and keywords, and when something came or went.
func TestGlance(t *testing.T) {
	s, home := inHome(t, nil)
	root := home + "/Maildir/.Work"
	g, err := s.Glance("Work")
	if err != nil || !g.Changed.IsZero() || names(t, g) != nil {
		t.Errorf("no mailbox: changed %v, %v", g.Changed, err)
	}
	mustMakeDirs(t, root, "tmp", "new", "cur")
	mustWrite(t, root+"/dovecot-keywords", "0 other\n1 $Junk\n")
	mustWrite(t, root+"/new/1.a", "x")
	mustWrite(t, root+"/new/.hidden", "x")
	mustWrite(t, root+"/cur/1.a:2,S", "x") // moved while it is read
	mustWrite(t, root+"/cur/2.b:2,Tb", "x")
	before := time.Now().Add(-time.Minute)
	if g, err = s.Glance("Work"); err != nil || g.Mailbox() != "Work" || g.Changed.Before(before) {
		t.Fatalf("%+v, %v", g, err)
	}
	if got := names(t, g); !slices.Equal(got, []string{"1.a", "2.b"}) {
		t.Errorf("names %q", got)
	}
	letter, ok := g.Letter("$junk")
	if _, other := g.Letter("$NotJunk"); !ok || other {
		t.Errorf("letters: %v, %v", ok, other)
	}
	for n, err := range g.Names(t.Context()) {
		if want := n.Base == "2.b"; err != nil || n.Has(letter) != want || n.Has('T') != want {
			t.Errorf("%+v, %v", n, err)
		}
		if info, err := g.Stat(n); err != nil || info.Size() != 1 {
			t.Errorf("%v, %v", info, err)
		}
		m, closer, err := s.Open(t.Context(), g.Entry(n))
		if err != nil || m.Size() != 1 {
			t.Fatalf("%v, %v", m, err)
		}
		closer.Close()
	}
	if _, err := g.Stat(Name{Path: root + "/cur/gone"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range g.Names(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	}
	if _, err := s.Glance("a//b"); err == nil {
		t.Error("a bad name")
	}
}

func names(t *testing.T, g *Glance) (bases []string) {
	t.Helper()
	for n, err := range g.Names(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		bases = append(bases, n.Base)
	}
	slices.Sort(bases)
	return bases
}
