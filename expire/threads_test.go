package expire_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dovetail/expire"
	"dovetail/expire/query"
)

// threadSubjects are subjects, most of which are the same but for what replies add.
var threadSubjects = []string{
	"plan", "Re: plan", "RE: Re: plan", "[list] plan", "Fwd: [list] plan (fwd)", "re[2]: plan", "[Fwd: plan]", "plan B", "Re: plan B", "",
	"=?utf-8?q?Re:_pl=C3=A4ne?=", "pläne", "Re:", "[list]", "re : plan", "replan",
}

// threadMessage makes a message of a mailbox with threads: ids that are there twice or
// nowhere, loops, and fields that are not as they should be.
func (g *maildirMaker) threadMessage() string {
	id := func() string { return fmt.Sprintf("<%d@x.org>", g.IntN(40)) }
	var b strings.Builder
	if g.IntN(8) > 0 {
		fmt.Fprintf(&b, "Message-ID: %s\n", id())
	}
	if g.IntN(2) > 0 {
		b.WriteString("References:")
		for range g.IntN(4) {
			b.WriteString([]string{" ", "\n\t", " junk ", " <no-at> "}[g.IntN(4)] + id())
		}
		b.WriteString("\n")
	}
	if g.IntN(3) == 0 {
		fmt.Fprintf(&b, "In-Reply-To: %s\n", []string{id(), "Max's message of today " + id() + " " + id(), "junk"}[g.IntN(3)])
	}
	if g.IntN(3) > 0 {
		fmt.Fprintf(&b, "Subject: %s\n", g.pick(threadSubjects))
	}
	fmt.Fprintf(&b, "Date: %s\n\nbody\n", g.now.Add(time.Duration(g.IntN(1000))*time.Hour).Format(time.RFC1123Z))
	return b.String()
}

// INTHREAD finds the threads that doveadm finds.
func TestThreadsAsDoveadm(t *testing.T) {
	for seed := range uint64(3) {
		doveadm, accounts := site(t, seed+10, 0)
		a := &accounts[0]
		g := &maildirMaker{Rand: rand.New(rand.NewPCG(seed, 5)), t: t, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
		for i := range 60 {
			name := fmt.Sprintf("%s/cur/%d.M%dP1.host:2,", a.folder("Trash"), 1_790_000_000+i, i)
			if err := os.WriteFile(name, []byte(g.threadMessage()), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(name, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		a.uids(t, doveadm)
		var queries [][]string
		for i := range 60 {
			for _, way := range []string{"REFS", "REFERENCES"} {
				queries = append(queries, []string{"mailbox", "Trash", "inthread", way, "uid", fmt.Sprint(i + 1)})
			}
		}
		queries = append(queries, strings.Fields("mailbox Trash inthread refs ( uid 3:8 subject plan )"), strings.Fields("mailbox Trash inthread references seen"))
		for j, want := range doveadm.search(a.user, queries) {
			got := a.search(t, queries[j])
			slices.Sort(got)
			slices.Sort(want)
			if want = slices.Compact(want); !slices.Equal(got, want) {
				t.Errorf("seed %d: %q:\nonly here    %v\nonly doveadm %v", seed, queries[j], a.describe(t, without(got, want)), a.describe(t, without(want, got)))
			}
		}
	}
}

// ORDEREDSUBJECT looks at subjects alone, and REFERENCES at them too.
func TestOrderedSubject(t *testing.T) {
	h := newHome(t)
	for i, text := range []string{"Subject: plan\nMessage-ID: <1@x>", "Subject: Re: plan", "Subject: other\nReferences: <1@x>", "X: y", "Subject:", "Subject: OTHER (fwd)"} {
		h.put(i+1, "", text+"\n\nbody\n")
	}
	for text, want := range map[string][]uint32{
		"INTHREAD ORDEREDSUBJECT UID 1": {1, 2}, "INTHREAD ORDEREDSUBJECT 3": {3, 6}, "INTHREAD ORDEREDSUBJECT UID 4": {4, 5},
		"INTHREAD REFERENCES UID 2": {1, 2, 3}, "INTHREAD REFS UID 2": {2}, "INTHREAD REFS UID 3": {1, 3},
		"NOT INTHREAD REFS ( UID 2 OR UID 3 )": {4, 5, 6}, "INTHREAD REFS KEYWORD none": nil,
		"INTHREAD REFS INTHREAD REFERENCES UID 2 UID 3": {3},
	} {
		if got := h.search(text); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	remote := h.user("ALL")
	remote.Query = &query.Query{Root: query.Not{Part: query.ModSeq{Least: 1}}, Zone: time.UTC}
	remote.Failed = func(_ string, err error) { h.failed = append(h.failed, err.Error()) }
	if err := remote.Search(t.Context(), "INBOX", func(m expire.Match) error { t.Errorf("found %d by what is not known", m.UID); return nil }); err != nil || len(h.failed) != 6 {
		t.Errorf("%v, %q", err, h.failed)
	}
	h.failed = nil
	if err := os.Symlink("/etc/passwd", h.inbox+"/cur/7.M7P1.h:2,"); err != nil {
		t.Fatal(err)
	}
	if got := h.search("INTHREAD REFS UID 1"); len(got) > 0 || len(h.failed) == 0 {
		t.Errorf("with a message that cannot be read: %v, %q", got, h.failed)
	}
}

func (a *account) uids(t *testing.T, d *doveadmHTTP) {
	t.Helper()
	if n := len(d.search(a.user, [][]string{{"mailbox", "Trash", "all"}})[0]); n != 60 {
		t.Fatalf("doveadm sees %d messages", n)
	}
}
